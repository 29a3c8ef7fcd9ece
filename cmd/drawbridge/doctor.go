package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/terminal"
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
			return doctor(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &o.config)
	c.Flags().StringVar(&o.account, "account", "", "only the account, or mailbox, with this `NAME`")
	c.Flags().BoolVar(&o.script, "script", false, "print the set-up of all accounts' mailboxes as one PowerShell script, which can be run twice")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func doctor(ctx context.Context, o doctorOptions, stdout, stderr io.Writer) error {
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
		return doctorScript(cfg, targets, stdout)
	}
	r, err := examineAll(ctx, cfg, targets, o.account != "")
	if err != nil {
		return err
	}
	if o.json {
		err = r.json(stdout)
	} else {
		err = r.text(stdout, terminal.Coloured(stdout))
	}
	if err == nil && !r.Healthy {
		err = &toldError{errors.New("not all is well")}
	}
	return err
}

// doctorScript prints the set-up of every upstream that takes tokens.
func doctorScript(cfg *config.Config, targets []*target, w io.Writer) error {
	written := 0
	for _, u := range cfg.Upstreams {
		if u.OAuth2 == nil {
			continue
		}
		if written++; written > 1 {
			_, _ = fmt.Fprintln(w)
		}
		if _, err := io.WriteString(w, upstreamScript(u, targets)); err != nil {
			return fmt.Errorf("print the script: %w", err)
		}
	}
	if written == 0 {
		return errors.New("no upstream logs in with tokens, so there is nothing to set up: configure auth: {oauth2: ...} first")
	}
	return nil
}

func upstreamScript(u config.Upstream, targets []*target) string {
	var roles, protocols, mailboxes []string
	for _, protocol := range []string{"imap", "pop3"} {
		if u.Serves(protocol) {
			protocols = append(protocols, protocol)
			roles = append(roles, appRoles[protocol])
		}
	}
	for _, t := range targets {
		if len(t.protocols[u.Name]) > 0 {
			mailboxes = append(mailboxes, t.mailbox)
		}
	}
	application := u.OAuth2.Flow != config.FlowDeviceCode && u.OAuth2.Flow != config.FlowPassword
	return newPowerShell(u.OAuth2, oauth.Claims{}).script(u.Name, roles, protocols, mailboxes, application)
}
