package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/internal/terminal"
)

func newServe() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the bridge",
		Long: `Runs the bridge until SIGTERM or SIGINT, which let running sessions end for as long as drain says; a second
signal ends at once.

Without --config: implicit TLS on 1993 (IMAP) and 1995 (POP3), STARTTLS on 1143 and 1110, Exchange Online with the
devices' own names and passwords, an own certificate authority, the dashboard on 127.0.0.1:8025, and data in
$XDG_STATE_HOME/drawbridge.`,
		Example: "  drawbridge serve --config /etc/drawbridge/drawbridge.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			var faults config.Faults
			if errors.As(err, &faults) {
				_, _ = fmt.Fprintln(c.ErrOrStderr(), err)
				return &toldError{err}
			}
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, path, c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	return c
}

// serve runs the bridge of cfg until a signal or the end of ctx.
func serve(ctx context.Context, cfg *config.Config, path string, stderr io.Writer) error {
	logs, err := logs.Open(cfg.Log)
	if err != nil {
		return err
	}
	defer logs.Close()
	// A write to standard error whose reader has gone must fail, not end the process; Notify alone leaves SIGPIPE to the runtime.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	b, err := newBridge(cfg, logs)
	if err != nil {
		return err
	}
	announce(b, path, stderr)
	return b.runUntil(ctx, signals)
}

// announce tells what runs, and what does not do yet what its owner may expect.
func announce(b *bridge, path string, stderr io.Writer) {
	cfg, log := b.cfg(), b.logs.Events
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	if cfg.Admin.Address != "" && cfg.Admin.Password.Reveal() == "" {
		log.Info("the dashboard on " + cfg.Admin.Address +
			" is read only: set admin.password to change something there, or use drawbridge device")
	}
	for _, u := range cfg.Upstreams {
		if u.Auth == "passthrough" && u.Name == config.ExchangeOnline {
			log.Info("upstream exchange-online takes the devices' own names and passwords (passthrough), which Exchange Online " +
				"refuses for POP3 and IMAP; only devices that bring a token of their own (XOAUTH2) can log in until auth: oauth2 is configured")
		}
	}
	if path == "" && terminal.Is(stderr) {
		_, _ = fmt.Fprintln(stderr, "Drawbridge serves with its built-in defaults. Data and CA certificate: "+cfg.DataDir+
			". Its certificate for devices: drawbridge certs export")
	}
}

// How long a bridge that has to end waits for what stalls.
const (
	lateEnd    = 9 * time.Second        // after drain
	lateSecond = 500 * time.Millisecond // after a second signal
	lastWords  = 200 * time.Millisecond // for a log or a terminal that takes nothing
)

// runUntil serves until ctx ends or a signal comes, then takes no new connections and lets the sessions go on for as long as
// drain says. A second signal cuts them at once. What then still stalls, a disk or a store, is left behind: 9 s after drain, and
// half a second after a second signal.
func (b *bridge) runUntil(ctx context.Context, signals <-chan os.Signal) error {
	accept, stop := context.WithCancel(ctx)
	defer stop()
	cut, cutNow := context.WithCancel(context.WithoutCancel(ctx))
	defer cutNow()
	ended := make(chan error, 1)
	go func() { ended <- b.run(accept, cut) }()
	var drained, late <-chan time.Time // nil: not draining yet, not ending yet
	var second error
	for stopped := accept.Done(); ; {
		select {
		case err := <-ended:
			if second != nil {
				b.logs.CloseWithin(lastWords)
			}
			return errors.Join(err, second)
		case <-stopped:
			stopped, drained = nil, time.After(b.cfg().Drain)
		case <-drained:
			late = time.After(lateEnd)
			cutNow()
		case <-late:
			b.logs.CloseWithin(lastWords)
			return cmp.Or(second, errors.New("the bridge did not end in time, what it still waited for is left: see the disk of data_dir"))
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				b.logs.Reopen()
				b.logs.Events.Warn("SIGHUP: log files are opened anew; reloading the configuration is not built yet, " +
					"nothing of it was changed; restart to read it again")
			case accept.Err() != nil:
				// It makes serve end with 1: the sessions were cut before their time.
				second = errors.New("a second signal ended the bridge at once: the running sessions were cut")
				late = time.After(lateSecond)
				cutNow()
			default:
				b.logs.Events.Info("stopping: no new connections are taken, running sessions may go on",
					zap.Stringer("signal", s), zap.Duration("drain", b.cfg().Drain))
				stop()
			}
		}
	}
}
