package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/doctor"
	"drawbridge/internal/terminal"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy/policy"
)

// doctorOptions are the flags of drawbridge doctor.
type doctorOptions struct {
	config, account string
	script, json    bool
}

func newDoctor() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check every link from here to the mailboxes",
		Long: `Checks every link from here to the mailboxes, for IMAP and POP3 apart: DNS, TCP, TLS and certificate, greeting,
capabilities, the token and what it is for, the login with it, and whether the mailbox opens. Each failure comes with its
probable cause and the step that mends it. Nothing is changed in Entra ID or Exchange, and no bridge needs to run.
Exit 0 when all is well, 1 when something failed.`,
		Example: `  drawbridge doctor --config drawbridge.yaml
  drawbridge doctor --config drawbridge.yaml --account scanner1
  drawbridge doctor --config drawbridge.yaml --script > setup.ps1   the set-up in Entra ID and Exchange, as PowerShell`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDoctor(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &o.config)
	c.Flags().StringVar(&o.account, "account", "", "only the account, or mailbox, with this `NAME`")
	c.Flags().BoolVar(&o.script, "script", false, "print the set-up of all accounts' mailboxes as one PowerShell script, which can be run twice")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func runDoctor(ctx context.Context, o doctorOptions, stdout, stderr io.Writer) error {
	if o.script && o.json {
		return &usageError{errors.New("doctor prints a script or JSON: leave --script or --json out")}
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintln(stderr, "warning: "+w)
	}
	targets, err := doctorTargets(cfg, o.account)
	if err != nil {
		return err
	}
	if o.script {
		return doctor.Script(stdout, cfg.Upstreams, targets)
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
	d := doctor.Examine(ctx, cfg.Upstreams, services, targets, o.account != "")
	write := func(w io.Writer) error { return d.Text(w, terminal.Coloured(w)) }
	if o.json {
		write = d.JSON
	}
	if err := write(stdout); err != nil || d.Healthy {
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
		return table.Decide(policy.Facts{Account: login, Protocol: protocol}).Upstream
	})
}
