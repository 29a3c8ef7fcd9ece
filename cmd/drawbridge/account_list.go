package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/terminal"
)

func newAccountList() *cobra.Command {
	var unknown bool
	c := withJSON(&cobra.Command{
		Use:   "list",
		Short: "List the logins, or those that were tried and are not known",
		Long: `Lists the logins of the configuration and those kept in the data directory. With --unknown: the last 1,000 that devices
tried at the running bridge and that no account has, as commands that add them.`,
		Example: `  drawbridge account list
  drawbridge account list --unknown`,
	})
	c.Flags().BoolVar(&unknown, "unknown", false, "list the logins that were tried and are not known")
	return configured(c, func(c *cobra.Command, _ []string, cfg *config.Config) error {
		if unknown {
			return listUnknown(c, cfg)
		}
		list, err := newKeeper(cfg).List(time.Now())
		if err != nil {
			return terminal.OneLine(err)
		}
		return answer(c, list, func(w io.Writer) error { return accounts.Table(w, list) })
	})
}

// unknownLogin is what `drawbridge account list --unknown --json` prints of each.
type unknownLogin struct {
	accounts.UnknownLogin
	Add string `json:"add,omitempty"` // the command that adds it, where its name allows one
}

// listUnknown asks the running bridge, which alone knows.
func listUnknown(c *cobra.Command, cfg *config.Config) error {
	tried, err := control.RemoteAccounts{Dir: cfg.DataDir}.Unknown(c.Context())
	if err != nil {
		return err
	}
	list := []unknownLogin{}
	for _, u := range tried {
		list = append(list, unknownLogin{u, accounts.AddLine(u.Login, u.Source, c.Flag("config").Value.String())})
	}
	if !wantsJSON(c) {
		return printUnknown(list, c.OutOrStdout())
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	_, err = c.OutOrStdout().Write(append(terminal.ASCIIJSON(text), '\n'))
	return err
}

// printUnknown prints each command once. What strangers sent else stands behind #, with nothing in it that a shell or a
// terminal would heed.
func printUnknown(list []unknownLogin, out io.Writer) error {
	printed := map[string]bool{}
	for _, u := range list {
		line := u.Add
		if line == "" {
			line = fmt.Sprintf("# %s from %s by %s: its name fits no command line as it stands", terminal.Plain(u.Login),
				terminal.Plain(u.Source.String()), u.Protocol)
		}
		if printed[line] {
			continue
		}
		printed[line] = true
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
