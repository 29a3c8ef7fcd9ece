package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
)

// tryOptions are the command line of `drawbridge try`.
type tryOptions struct {
	config, listener, account, as string
	asJSON                        bool
}

func newTry() *cobra.Command {
	var o tryOptions
	c := &cobra.Command{
		Use:   "try",
		Short: "Play a device against the running bridge and show what it would see",
		Long: `Connects to the running bridge as a device would and shows each step: handshake, certificate, greeting, capabilities,
login, the first message (its subject and size; nothing in the mailbox changes), goodbye. Where it fails it says what the
device would show and what to do. The password is asked for on a terminal, or is the first line of standard input.
Without --account it stops before the login. Exit 0 if the message, or without --account the greeting, was read.

Devices for --as: ` + strings.Join(profileNames(), ", "),
		Example: "  drawbridge try --config drawbridge.yaml --listener imaps --account scanner1 --as tls1.0",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return try(c, o) },
	}
	configFlag(c, &o.config)
	c.Flags().StringVar(&o.listener, "listener", "", "the `NAME` of the listener; default: the configuration's first")
	c.Flags().StringVar(&o.account, "account", "", "log in with this `NAME`")
	c.Flags().StringVar(&o.as, "as", defaultProfile, "the `DEVICE` to play")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return c
}

func try(c *cobra.Command, o tryOptions) error {
	t, err := o.trial()
	if err != nil {
		return err
	}
	if t.account != "" {
		password, err := terminal.AskPassword(c.InOrStdin(), c.ErrOrStderr(), passwordQuestion(t.account))
		if err != nil {
			return err
		}
		t.password = password.Reveal()
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return t.report(ctx, o.asJSON, c.OutOrStdout())
}

// trial is the device to play and where it goes.
type trial struct {
	listener          config.Listener
	address           string // the listener's, as it can be dialed from here
	dataDir           string
	profile           deviceProfile
	account, password string // without an account there is no login
}

// trial reads the configuration and finds out what is to be played.
func (o tryOptions) trial() (*trial, error) {
	profile, ok := profileOf(o.as)
	if !ok {
		return nil, &usageError{fmt.Errorf("--as %q is no device that can be played: take one of %s", o.as, strings.Join(profileNames(), ", "))}
	}
	if strings.ContainsAny(o.account, "\r\n\x00") {
		return nil, &usageError{errors.New("--account has a line end in it")}
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	l, err := findListener(cfg.Listeners, o.listener)
	if err != nil {
		return nil, err
	}
	address, err := dialable(l.Address)
	if err != nil {
		return nil, fmt.Errorf("the address of listener %s: %w", l.Name, err)
	}
	return &trial{listener: l, address: address, dataDir: cfg.DataDir, profile: profile, account: o.account}, nil
}

func passwordQuestion(account string) string {
	return "Password of " + inventory.Printable(account) + ": "
}

// findListener finds a listener by its name; without a name it is the first.
func findListener(all []config.Listener, name string) (config.Listener, error) {
	var names []string
	for _, l := range all {
		if name == "" || l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return config.Listener{}, fmt.Errorf("the configuration has no listener %q: name one of %s with --listener", name, strings.Join(names, ", "))
}

// dialable is a listener's address as this machine calls it.
func dialable(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// report plays the device and prints what it saw.
func (t *trial) report(ctx context.Context, asJSON bool, out io.Writer) error {
	r := newTryReport(t)
	p := &printer{terminal.NewPrinter(out)}
	if !asJSON {
		p.tryIntro(r)
	}
	v := &tryVisit{trial: t, step: func(s tryStep) {
		r.Steps = append(r.Steps, s)
		if !asJSON {
			p.tryStep(s)
		}
	}}
	failure := v.run(ctx)
	r.conclude(t, failure)
	if asJSON {
		return r.printJSON(out)
	}
	return p.tryVerdict(r)
}
