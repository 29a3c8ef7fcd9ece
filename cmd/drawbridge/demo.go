package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/internal/sandbox"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func newDemo() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the bridge at work: a mail service, the bridge and a fleet of devices, all on loopback",
		Long: `Starts stand-ins for Exchange Online (TLS 1.2 and newer, OAuth2 only) and Entra ID and a real bridge on loopback,
sends a fleet of simulated legacy devices with passwords through it, prints each session as it happens and what the
bridge recorded, and keeps the bridge and its dashboard up until Ctrl-C. It needs no network and no set-up, and leaves
nothing behind.`,
		Example: "  drawbridge demo --once",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return demo(ctx, once, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&once, "once", false, "end after the last device: exit 0 if every device ended as it should")
	return c
}

// demoTimeout bounds the visit of one device.
const demoTimeout = 30 * time.Second

// demo runs the fleet through a bridge.
func demo(ctx context.Context, once bool, out io.Writer) error {
	fleet := sandbox.ModernFleet()
	s, err := newScene(fleet)
	if err != nil {
		return err
	}
	defer s.close()
	p := &printer{terminal.NewPrinter(out)}
	p.intro(s)
	failed := 0
	for _, d := range fleet {
		if !p.visit(ctx, s, d) {
			failed++
		}
		if ctx.Err() != nil {
			return errors.New("the demo was interrupted")
		}
	}
	if err := p.inventory(ctx, s); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s did not end as they should, see above", plural(failed, "device"))
	}
	mail := len(slices.DeleteFunc(slices.Clone(fleet), func(d sandbox.Device) bool { return d.Expect != sandbox.MailRead }))
	p.Line("All %d devices ended as they should: %d read their mail, %d were refused.", len(fleet), mail, len(fleet)-mail)
	if once {
		return nil
	}
	p.stayUp(s)
	<-ctx.Done()
	return nil
}

// demoRecords counts the session records for the demo, which waits for each.
type demoRecords struct {
	count atomic.Int64
	ended chan *inventory.Session
}

// Admitted implements inventory.Recorder.
func (*demoRecords) Admitted(*inventory.Session) {}

// TurnedAway implements inventory.Recorder.
func (*demoRecords) TurnedAway(inventory.TurnedAway) {}

// Ended implements inventory.Recorder.
func (r *demoRecords) Ended(s *inventory.Session) {
	r.count.Add(1)
	select {
	case r.ended <- s:
	default: // the demo waits for one at a time; visitors of its own are not waited for
	}
}

// next returns the record of the session that has just ended.
func (r *demoRecords) next(ctx context.Context) *inventory.Session {
	select {
	case s := <-r.ended:
		return s
	case <-ctx.Done():
		return nil
	}
}

// printer writes the demo for people.
type printer struct{ terminal.Printer }

func (p *printer) intro(s *scene) {
	p.Line("A stand-in for Exchange Online, which takes TLS 1.2 and newer and OAuth2 only, one for Entra ID, and a bridge in front:")
	for _, l := range s.bridge.holds().proxy.Listeners {
		mode := "TLS from the first byte"
		if l.StartTLS {
			mode = "STARTTLS"
		}
		p.Line("  %-6s %s on %s, TLS 1.0 and newer, %s", l.Name, strings.ToUpper(l.Protocol), s.bridge.addressOf(l.Name), mode)
	}
	p.Line("")
}

// visit sends one device through the bridge, printing what happens, and reports whether it ended as it should.
func (p *printer) visit(ctx context.Context, s *scene, d sandbox.Device) bool {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	p.Line("%s", p.Paint(terminal.Bold, d.Name))
	result := d.Run(ctx, sandbox.Target{
		Address: s.address(d), Roots: s.roots, ServerName: "localhost", Timeout: demoTimeout,
		Step: func(step sandbox.Step) {
			p.Line("  %s %s", p.Paint(terminal.Faint, fmt.Sprintf("%6.0f ms", float64(step.After.Microseconds())/1000)),
				inventory.Printable(step.Text))
		},
	})
	record := s.records.next(ctx)
	ok := result.OK() && record != nil
	p.verdict(result, ok)
	if record != nil {
		p.record(record)
	}
	p.Line("")
	return ok
}

func (p *printer) verdict(r sandbox.Result, ok bool) {
	text := map[sandbox.Outcome]string{
		sandbox.MailRead: "read its mail",
		sandbox.Alerted:  "got a TLS alert: " + tls.AlertError(r.Alert).Error(),
		sandbox.Refused:  "was refused: " + inventory.Printable(r.Refusal),
		sandbox.Failed:   fmt.Sprintf("failed: %v", r.Err),
	}[r.Outcome]
	if ok {
		p.Line("  %s %s, as it should", p.Paint(terminal.Green, "✓"), text)
		return
	}
	p.Line("  %s %s, expected: %s", p.Paint(terminal.Red, "✗"), text, r.Device.Expect)
}

// record prints the parts of a session record that an administrator looks at first.
func (p *printer) record(s *inventory.Session) {
	parts := []string{string(s.Outcome), "readiness " + string(s.Readiness())}
	if b := s.Blockers(); len(b) > 0 {
		parts = append(parts, "blockers "+strings.Join(asTyped[string](b), " "))
	}
	if s.UpstreamTLS.Completed {
		parts = append(parts, "upstream TLS "+s.UpstreamTLS.Version.String()+" by "+s.UpstreamAuth)
	}
	if s.Reason != "" {
		parts = append(parts, inventory.Printable(s.Reason))
	}
	p.Line("  record: %s", strings.Join(parts, "; "))
}

// inventory prints what the sessions come to, device by device.
func (p *printer) inventory(ctx context.Context, s *scene) error {
	devices, err := s.devices(ctx)
	if err != nil {
		return err
	}
	p.Line("%s", p.Paint(terminal.Bold, "The inventory"))
	leftOut := 0
	listed := slices.Collect(withoutStrangers(inventory.MarkNotServed(slices.Values(devices)), &leftOut))
	if err := report.Table(p.Out, listed, terminal.Width(p.Out)); err != nil {
		return err
	}
	if leftOut > 0 {
		p.Line("The sessions in which nobody logged in are those of %s, in the dashboard under Strangers.", plural(leftOut, "stranger"))
	}
	p.Line("")
	return nil
}

// stayUp says where the dashboard is, and how to try the bridge by hand.
func (p *printer) stayUp(s *scene) {
	p.Line("")
	p.Line("%s %s (password for this run: %s)", p.Paint(terminal.Bold, "The dashboard:"), s.dashboard(), s.password)
	p.Line("The bridge stays up. An old device by hand (log in with: a LOGIN fax307 30714):\n"+
		"  openssl s_client -connect %s -tls1 -cipher 'AES128-SHA@SECLEVEL=0' -crlf -quiet\nCtrl-C ends it.", s.bridge.addressOf("imaps"))
}
