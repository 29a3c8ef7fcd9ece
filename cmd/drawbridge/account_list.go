package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/terminal"
)

func newAccountList() *cobra.Command {
	var path string
	var unknown, asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the logins, or those that were tried and are not known",
		Long: `Lists the logins of the configuration and those kept in the data directory. With --unknown: the last 1,000 that devices
tried at the running bridge and that no account has, as commands that add them.`,
		Example: `  drawbridge account list
  drawbridge account list --unknown`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			if unknown {
				return listUnknown(c.Context(), cfg, path, asJSON, c.OutOrStdout())
			}
			return listAccounts(cfg, asJSON, c.OutOrStdout())
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&unknown, "unknown", false, "list the logins that were tried and are not known")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// listedAccount is what `drawbridge account list --json` prints of each.
type listedAccount struct {
	Login      string         `json:"login"`
	Aliases    []string       `json:"aliases,omitempty"`
	Mailbox    string         `json:"mailbox,omitempty"` // not of a pattern: there it is the login
	Mailboxes  []string       `json:"mailboxes,omitempty"`
	AnyMailbox bool           `json:"any_mailbox,omitempty"`
	Passwords  []string       `json:"passwords"` // their names
	Sources    []netip.Prefix `json:"sources,omitempty"`
	Protocols  []string       `json:"protocols,omitempty"`
	Expires    *time.Time     `json:"expires,omitempty"`
	Disabled   bool           `json:"disabled,omitempty"`
	Kept       bool           `json:"kept"` // in the data directory, not by the configuration
	Note       string         `json:"note,omitempty"`
}

// listAccounts reads the file that a running bridge has written last.
func listAccounts(cfg *config.Config, asJSON bool, out io.Writer) error {
	store, err := accounts.OpenStore(filepath.Join(cfg.DataDir, accountsFolder))
	if err != nil {
		return terminal.OneLine(err)
	}
	list := []listedAccount{}
	now, unchecked := time.Now(), entraChecks(cfg)
	for _, a := range cfg.Accounts {
		list = append(list, describeAccount(accountOf(a), unchecked, now))
	}
	for _, a := range store.List() {
		l := describeAccount(a, unchecked, now)
		l.Kept = true
		if conflict(cfg, []accounts.Account{a}, "") != nil {
			l.Note = "stands in the configuration too: remove one"
		}
		list = append(list, l)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(list)
	}
	return printAccounts(list, out)
}

func describeAccount(a accounts.Account, unchecked bool, now time.Time) listedAccount {
	l := listedAccount{Login: a.Login, Aliases: a.Aliases, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox, Passwords: []string{},
		Sources: a.Sources, Protocols: a.Protocols, Disabled: a.Disabled}
	if !a.IsPattern() {
		l.Mailbox = mailboxOf(a)
	}
	for _, p := range a.Passwords {
		l.Passwords = append(l.Passwords, p.Name)
	}
	if !a.Expires.IsZero() {
		l.Expires = &a.Expires
	}
	switch {
	case a.Disabled:
		l.Note = "disabled"
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		l.Note = "expired"
	case len(a.Passwords) == 0 && unchecked:
		l.Note = "Entra ID checks its password"
	case len(a.Passwords) == 0:
		l.Note = "waits for a password: drawbridge account add"
	}
	return l
}

func printAccounts(list []listedAccount, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "LOGIN\tMAILBOX\tPASSWORDS\tSOURCES\tPROTOCOLS\tEXPIRES\tFROM\tNOTE")
	for _, l := range list {
		_, _ = fmt.Fprintln(w, strings.Join(l.row(), "\t"))
	}
	return w.Flush()
}

func (l listedAccount) row() []string {
	from, expires, mailbox := "configuration", "never", l.Mailbox
	if l.Kept {
		from = "data_dir"
	}
	if l.Expires != nil {
		expires = l.Expires.Format(time.RFC3339)
	}
	if mailbox == "" {
		mailbox = "as the login"
	}
	var names, sources []string
	for _, p := range l.Passwords {
		if p == "" {
			p = "unnamed"
		}
		names = append(names, p)
	}
	for _, s := range l.Sources {
		sources = append(sources, s.String())
	}
	return []string{strings.Join(append([]string{l.Login}, l.Aliases...), " "), mailbox, orElse(names, "none"), orElse(sources, "any"),
		orElse(l.Protocols, "all"), expires, from, l.Note}
}

func orElse(list []string, empty string) string {
	if len(list) == 0 {
		return empty
	}
	return strings.Join(list, ", ")
}

// listUnknown asks the running bridge, which alone knows.
func listUnknown(ctx context.Context, cfg *config.Config, path string, asJSON bool, out io.Writer) error {
	list, err := ask[[]unknownLogin](ctx, cfg.DataDir, pathUnknown, done{})
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Add = withConfig(list[i].Add, path)
	}
	if asJSON {
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		_, err = out.Write(append(terminal.ASCIIJSON(text), '\n'))
		return err
	}
	return printUnknown(list, out)
}

// printUnknown prints each command once. What strangers sent else stands behind #, with nothing in it that a shell or a
// terminal would heed.
func printUnknown(list []unknownLogin, out io.Writer) error {
	printed := map[string]bool{}
	for _, u := range list {
		line := u.Add
		if line == "" {
			line = fmt.Sprintf("# %s from %s by %s: its name fits no command line as it stands", terminal.Plain(u.Login), terminal.Plain(u.Source), u.Protocol)
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

// withConfig puts the configuration that was named into a command that adds an account.
func withConfig(line, path string) string {
	const command = "drawbridge account add"
	rest, ok := strings.CutPrefix(line, command)
	if !ok || path == "" {
		return line
	}
	return command + " --config '" + strings.ReplaceAll(path, "'", `'\''`) + "'" + rest
}
