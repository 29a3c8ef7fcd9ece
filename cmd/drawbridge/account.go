package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/terminal"
)

// accountsFolder is where the kept accounts are, in the data directory.
const accountsFolder = "accounts"

func newAccount() *cobra.Command {
	c := &cobra.Command{
		Use:   "account",
		Short: "The logins that devices use",
		Long: `The logins that devices use, kept in the data directory besides those of the configuration. Changes hold at once: a
running bridge makes them itself, and without one they are there when it starts.`,
		Example: `  drawbridge account add scanner1 --mailbox scans@contoso.com --source 10.20.3.0/24 --generate
  drawbridge account list`,
	}
	c.AddCommand(newAccountAdd(), newAccountImport(), newAccountList(), newAccountRemove(), newAccountLogin(), newAccountHash())
	return c
}

// newKeeper makes the keeper of the configuration's accounts and of those kept in its data directory.
func newKeeper(cfg *config.Config) *accounts.Keeper {
	entraChecks := slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool {
		return u.OAuth2 != nil && u.OAuth2.Flow == config.FlowPassword
	})
	o := accounts.KeeperOptions{Dir: filepath.Join(cfg.DataDir, accountsFolder), Unchecked: entraChecks}
	for _, a := range cfg.Accounts {
		o.Configured = append(o.Configured, accountOf(a))
	}
	return accounts.NewKeeper(o)
}

// withAccounts calls do with who changes the accounts: the running bridge, or, where none holds the data directory, this
// command under its lock.
func withAccounts(ctx context.Context, cfg *config.Config, do func(control.Accounts) error) error {
	return onData(ctx, cfg, func() error { return do(control.RemoteAccounts{Dir: cfg.DataDir}) },
		func() error { return do(localAccounts{newKeeper(cfg), cfg}) }, accountsFolder, tokensFolder, tokenKeyFile)
}

func newAccountRemove() *cobra.Command {
	var password string
	c := &cobra.Command{
		Use:   "remove LOGIN",
		Short: "Remove a login, or revoke one of its passwords",
		Long:  "Removes a login that is kept in the data directory, or revokes one of its passwords. Sessions that run go on.",
		Example: `  drawbridge account remove scanner1
  drawbridge account remove scanner1 --password basement`,
		Args: oneArgument("login"),
		PreRunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("password") && password == "" {
				return &usageError{errors.New("--password needs the name of a password: see drawbridge account list")}
			}
			return nil
		},
	}
	c.Flags().StringVar(&password, "password", "", "revoke only the password of this `NAME`")
	return configured(c, func(c *cobra.Command, args []string, cfg *config.Config) error {
		err := withAccounts(c.Context(), cfg, func(a control.Accounts) error { return a.Remove(c.Context(), args[0], password) })
		if err != nil {
			return terminal.OneLine(err)
		}
		said := fmt.Sprintf("Removed the account %s.", args[0])
		if password != "" {
			said = fmt.Sprintf("Revoked the password %s of the account %s.", password, args[0])
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), said)
		return err
	})
}

func newAccountHash() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Make the argon2id hash of a password, for a configuration",
		Long: `Asks for a password, or reads it as one line from standard input, and prints its argon2id hash: for admin.password, or for
accounts that stand in the configuration. Write it there in single quotes.`,
		Example: `  drawbridge account hash`,
		RunE: func(c *cobra.Command, _ []string) error {
			password, err := terminal.ChoosePassword(c.InOrStdin(), c.ErrOrStderr(), "the configuration")
			if err != nil {
				return err
			}
			hash, err := accounts.Hash(password, accounts.DefaultParameters())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), hash)
			return err
		},
	}
}

// accountOf makes an account of one of the configuration.
func accountOf(a config.Account) accounts.Account {
	out := accounts.Account{Login: a.Login, Aliases: a.Aliases, Mailbox: a.Mailbox, Sources: a.Sources, Protocols: a.Protocols,
		Expires: a.Expires, Disabled: a.Disabled, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox}
	for _, p := range a.Hashes() {
		out.Passwords = append(out.Passwords, accounts.Password{Name: p.Name, Hash: p.Hash.Reveal()})
	}
	return out
}

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
