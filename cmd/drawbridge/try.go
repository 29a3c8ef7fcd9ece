package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/terminal"
	"drawbridge/internal/trial"
	"drawbridge/inventory"
)

// tryOptions are the command line of `drawbridge try`.
type tryOptions struct {
	listener, account, as string
	profile               trial.Profile // what as means
}

func newTry() *cobra.Command {
	var o tryOptions
	c := withJSON(&cobra.Command{
		Use:   "try",
		Short: "Play a device against the running bridge and show what it would see",
		Long: `Connects to the running bridge as a device would and shows each step: handshake, certificate, greeting, capabilities,
login, the first message (its subject and size; nothing in the mailbox changes), goodbye. Where it fails it says what the
device would show and what to do. The password is asked for on a terminal, or is the first line of standard input.
Without --account it stops before the login. Exit 0 if the message, or without --account the greeting, was read.

Devices for --as: ` + strings.Join(trial.ProfileNames(), ", "),
		Example: "  drawbridge try --config drawbridge.yaml --listener imaps --account scanner1 --as tls1.0",
		PreRunE: func(*cobra.Command, []string) error { return o.check() },
	})
	c.Flags().StringVar(&o.listener, "listener", "", "the `NAME` of the listener; default: the configuration's first")
	c.Flags().StringVar(&o.account, "account", "", "log in with this `NAME`")
	c.Flags().StringVar(&o.as, "as", trial.DefaultProfile, "the `DEVICE` to play")
	return configured(c, o.try)
}

// check refuses what cannot be meant.
func (o *tryOptions) check() error {
	var known bool
	if o.profile, known = trial.ProfileOf(o.as); !known {
		return &usageError{fmt.Errorf("--as %q is no device that can be played: take one of %s", o.as,
			strings.Join(trial.ProfileNames(), ", "))}
	}
	if strings.ContainsAny(o.account, "\r\n\x00") {
		return &usageError{errors.New("--account has a line end in it")}
	}
	return nil
}

func (o *tryOptions) try(c *cobra.Command, _ []string, cfg *config.Config) error {
	d, err := trial.New(cfg.Listeners, o.listener, o.profile)
	if err != nil {
		return err
	}
	d.CA, d.Account = caCertificate(cfg.DataDir), o.account
	if d.Account != "" {
		if d.Password, err = terminal.AskPassword(c.InOrStdin(), c.ErrOrStderr(), passwordQuestion(d.Account)); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return play(ctx, d, wantsJSON(c), c.OutOrStdout())
}

func passwordQuestion(account string) string {
	return "Password of " + inventory.Printable(account) + ": "
}

// play plays a device and prints what it saw.
func play(ctx context.Context, d *trial.Device, asJSON bool, out io.Writer) error {
	if !asJSON {
		return d.Show(ctx, terminal.NewPrinter(out))
	}
	r := d.Play(ctx, func(trial.Step) {})
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return &toldError{err}
	}
	return nil
}

// caCertificate is read by itself: certs.OpenCA needs the key too, and makes a CA where there is none.
func caCertificate(dataDir string) string {
	return filepath.Join(dataDir, certificates, "ca", "ca.crt")
}
