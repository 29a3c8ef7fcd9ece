package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/doctor"
	"drawbridge/internal/terminal"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy/policy"
)

func newDoctor() *cobra.Command {
	var account string
	var script bool
	c := withJSON(&cobra.Command{
		Use:   "doctor",
		Short: "Check every link from here to the mailboxes",
		Long: `Checks every link from here to the mailboxes, for IMAP and POP3 apart: DNS, TCP, TLS and certificate, greeting,
capabilities, the token and what it is for, the login with it, and whether the mailbox opens. Each failure comes with its
probable cause and the step that mends it. Nothing is changed in Entra ID or Exchange, and no bridge needs to run.
Exit 0 when all is well, 1 when something failed.`,
		Example: `  drawbridge doctor --config drawbridge.yaml
  drawbridge doctor --config drawbridge.yaml --account scanner1
  drawbridge doctor --config drawbridge.yaml --script > setup.ps1   the set-up in Entra ID and Exchange, as PowerShell`,
		PreRunE: func(c *cobra.Command, _ []string) error {
			if script && wantsJSON(c) {
				return &usageError{errors.New("doctor prints a script or JSON: leave --script or --json out")}
			}
			return nil
		},
	})
	c.Flags().StringVar(&account, "account", "", "only the account, or mailbox, with this `NAME`")
	c.Flags().BoolVar(&script, "script", false, "print the set-up of all accounts' mailboxes as one PowerShell script, which can be run twice")
	return configured(c, func(c *cobra.Command, _ []string, cfg *config.Config) error {
		return runDoctor(c, cfg, account, script)
	})
}

func runDoctor(c *cobra.Command, cfg *config.Config, account string, script bool) error {
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+w)
	}
	targets, err := doctorTargets(cfg, account)
	if err != nil {
		return err
	}
	if script {
		return doctor.Script(c.OutOrStdout(), cfg.Upstreams, targets)
	}
	vault, err := upstreams.OpenVault(cfg, cfg.DataDir)
	if err != nil {
		return err
	}
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{Vault: vault})
	if err != nil {
		return err
	}
	defer services.Retire(nil)
	d := doctor.Examine(c.Context(), cfg.Upstreams, services, targets, account != "")
	write := func(w io.Writer) error { return d.Text(w, terminal.Coloured(w)) }
	if wantsJSON(c) {
		write = d.JSON
	}
	if err := write(c.OutOrStdout()); err != nil || d.Healthy {
		return err
	}
	return &toldError{errors.New("not all is well")}
}

// doctorTargets are the mailboxes of the configuration's accounts and of those kept in the data directory, or of the one named.
func doctorTargets(cfg *config.Config, account string) ([]*doctor.Target, error) {
	var list []accounts.Account
	for _, a := range cfg.Accounts {
		list = append(list, accountOf(a))
	}
	store, err := accounts.OpenStore(filepath.Join(cfg.DataDir, accountsFolder))
	if err != nil {
		return nil, terminal.OneLine(err)
	}
	table, err := decider.Rules(cfg)
	if err != nil {
		return nil, err
	}
	return doctor.Targets(append(list, store.List()...), account, func(login, protocol string) string {
		return table.Decide(policy.Facts{Account: login, Protocol: protocol}, time.Now()).Upstream
	})
}
