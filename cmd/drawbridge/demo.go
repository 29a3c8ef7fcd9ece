package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/hello"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

func newDemo() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the bridge at work: a mail server, the bridge and a fleet of devices, all on loopback",
		Long: `Starts a stand-in for Exchange (TLS 1.2 and newer only) and a real bridge on loopback, sends a fleet of simulated
legacy devices through it, prints each session as it happens and what the bridge recorded, and keeps the bridge up
until Ctrl-C. It needs no network and no set-up, and leaves nothing behind.`,
		Example: "  drawbridge demo --once",
		Args:    noArguments,
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
	fleet := sandbox.Fleet()
	s, err := newStage(fleet)
	if err != nil {
		return err
	}
	defer s.close()
	p := &printer{out: out, colour: useColour(out)}
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
	p.inventory(s.records.all())
	if failed > 0 {
		return fmt.Errorf("%s did not end as they should, see above", plural(failed, "device"))
	}
	p.line("All %d devices ended as they should: %d read their mail, %d were refused.", len(fleet), expected(fleet, true), expected(fleet, false))
	if once {
		return nil
	}
	p.stayUp(s)
	<-ctx.Done()
	return nil
}

func expected(fleet []sandbox.Device, mail bool) int {
	n := 0
	for _, d := range fleet {
		if (d.Expect == sandbox.MailRead) == mail {
			n++
		}
	}
	return n
}

// stage is a mail server and a running bridge.
type stage struct {
	dir      string
	exchange *sandbox.Exchange
	bridge   *bridge
	records  *demoRecords
	roots    *x509.CertPool
	stop     context.CancelFunc
	cut      context.CancelFunc
	done     chan error
}

// newStage starts the stand-in and the bridge on free loopback ports.
func newStage(fleet []sandbox.Device) (_ *stage, err error) {
	s := &stage{records: &demoRecords{ended: make(chan *inventory.Session, 1)}, done: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "drawbridge-demo-"); err != nil {
		return nil, err
	}
	if s.exchange, err = sandbox.New(); err != nil {
		return nil, err
	}
	if err = s.exchange.Provision(fleet); err != nil {
		return nil, err
	}
	cfg, err := s.configure()
	if err != nil {
		return nil, err
	}
	if s.bridge, err = newBridge(cfg, quietLogs(), s.records); err != nil {
		return nil, err
	}
	ca, err := certs.OpenCA(filepath.Join(cfg.DataDir, certificates))
	if err != nil {
		return nil, err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(ca.Certificate())
	s.start()
	return s, nil
}

func (s *stage) start() {
	accept, stop := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	s.stop, s.cut = stop, cutNow
	go func() { s.done <- s.bridge.run(accept, cut) }()
}

// demoConfig is the demo's bridge, read like any other configuration. Devices with a token of their own go to what stands
// for Exchange Online, which takes nothing else; all others to what stands for an Exchange on premises.
const demoConfig = `
data_dir: %s
name: demo
listeners:
  - {name: imaps, protocol: imap, address: "127.0.0.1:0"}
  - {name: pop3s, protocol: pop3, address: "127.0.0.1:0"}
  - {name: imap, protocol: imap, address: "127.0.0.1:0", tls: starttls}
  - {name: pop3, protocol: pop3, address: "127.0.0.1:0", tls: starttls}
certificates:
  - local_ca: {names: [localhost, 127.0.0.1]}
upstreams:
  on-premises: {imap: %q, pop3: %q, ca: %s, server_name: localhost, auth: passthrough}
  exchange-online: {imap: %q, pop3: %q, ca: %s, server_name: localhost, auth: passthrough}
rules:
  - match: {account: "orders@contoso.example"}
    upstream: exchange-online
admin: {address: ""}
`

// configure opens the stand-in's listeners, of both of Exchange's personalities, and writes the bridge's configuration.
func (s *stage) configure() (*config.Config, error) {
	var addresses []any
	for _, personality := range []sandbox.Personality{sandbox.Classic, sandbox.TCPProxy} {
		for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
			l, err := s.exchange.Listen(sandbox.ListenOptions{Protocol: protocol, Personality: personality})
			if err != nil {
				return nil, err
			}
			addresses = append(addresses, l.Address())
		}
	}
	ca := filepath.Join(s.dir, "exchange-ca.pem")
	if err := os.WriteFile(ca, s.exchange.CA(), 0o600); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(demoConfig, filepath.Join(s.dir, "data"), addresses[0], addresses[1], ca, addresses[2], addresses[3], ca)
	return config.Parse(filepath.Join(s.dir, "drawbridge.yaml"), []byte(text), config.System())
}

// close ends the bridge and the stand-in and removes what they wrote.
func (s *stage) close() {
	if s.stop != nil {
		s.stop()
		s.cut()
		<-s.done
	} else if s.bridge != nil {
		s.bridge.close()
	}
	if s.exchange != nil {
		_ = s.exchange.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// address is where the device's kind of listener listens.
func (s *stage) address(d sandbox.Device) string {
	for _, l := range s.bridge.server.Listeners {
		if l.Protocol == string(d.Protocol) && l.StartTLS == d.STARTTLS {
			return l.Net.Addr().String()
		}
	}
	return ""
}

// quietLogs keep nothing: the demo prints the records itself.
func quietLogs() *logs {
	return &logs{events: zap.NewNop(), records: inventory.NewLog(zap.NewNop())}
}

// demoRecords keeps the session records for the demo.
type demoRecords struct {
	mu    sync.Mutex
	list  []*inventory.Session
	ended chan *inventory.Session
}

// Admitted implements inventory.Recorder.
func (*demoRecords) Admitted(*inventory.Session) {}

// TurnedAway implements inventory.Recorder.
func (*demoRecords) TurnedAway(inventory.TurnedAway) {}

// Ended implements inventory.Recorder.
func (r *demoRecords) Ended(s *inventory.Session) {
	r.mu.Lock()
	r.list = append(r.list, s)
	r.mu.Unlock()
	select {
	case r.ended <- s:
	default: // the demo waits for one at a time; visitors of its own are not waited for
	}
}

func (r *demoRecords) all() []*inventory.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*inventory.Session(nil), r.list...)
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
type printer struct {
	out    io.Writer
	colour bool
}

func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	faint = "\x1b[2m"
	bold  = "\x1b[1m"
)

func (p *printer) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return code + text + "\x1b[0m"
}

func (p *printer) intro(s *stage) {
	p.line("A stand-in for Exchange, TLS 1.2 and newer only, and a bridge in front of it:")
	for _, l := range s.bridge.server.Listeners {
		mode := "TLS from the first byte"
		if l.StartTLS {
			mode = "STARTTLS"
		}
		p.line("  %-6s %s on %s, TLS 1.0 and newer, %s", l.Name, strings.ToUpper(l.Protocol), l.Net.Addr(), mode)
	}
	p.line("")
}

// visit sends one device through the bridge, printing what happens, and reports whether it ended as it should.
func (p *printer) visit(ctx context.Context, s *stage, d sandbox.Device) bool {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	p.line("%s", p.paint(bold, d.Name))
	result := d.Run(ctx, sandbox.Target{
		Address: s.address(d), Roots: s.roots, ServerName: "localhost", Timeout: demoTimeout,
		Step: func(step sandbox.Step) {
			p.line("  %s %s", p.paint(faint, fmt.Sprintf("%6.0f ms", float64(step.After.Microseconds())/1000)), inventory.Printable(step.Text))
		},
	})
	record := s.records.next(ctx)
	ok := result.OK() && record != nil
	p.verdict(result, ok)
	if record != nil {
		p.record(record)
	}
	p.line("")
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
		p.line("  %s %s, as it should", p.paint(green, "✓"), text)
		return
	}
	p.line("  %s %s, expected: %s", p.paint(red, "✗"), text, r.Device.Expect)
}

// record prints the parts of a session record that an administrator looks at first.
func (p *printer) record(s *inventory.Session) {
	parts := []string{string(s.Outcome), "readiness " + string(s.Readiness())}
	if b := s.Blockers(); len(b) > 0 {
		parts = append(parts, "blockers "+join(b))
	}
	if s.UpstreamTLS.Completed {
		parts = append(parts, "upstream TLS "+s.UpstreamTLS.Version.String()+" by "+s.UpstreamAuth)
	}
	if s.Reason != "" {
		parts = append(parts, inventory.Printable(s.Reason))
	}
	p.line("  record: %s", strings.Join(parts, "; "))
}

func join(blockers []hello.Blocker) string {
	words := make([]string, len(blockers))
	for i, b := range blockers {
		words[i] = string(b)
	}
	return strings.Join(words, " ")
}

// inventory prints what the session records say of each device.
func (p *printer) inventory(sessions []*inventory.Session) {
	p.line("%s", p.paint(bold, "What the records say"))
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "DEVICE\tPROTOCOL\tTLS\tCIPHER\tREADINESS\tBLOCKERS\tOUTCOME")
	for _, s := range sessions {
		version, cipher := s.Hello.MaxVersion.String(), "-"
		if s.TLS.Completed {
			version, cipher = s.TLS.Version.String(), s.TLS.Cipher
		}
		_, _ = fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", inventory.Printable(s.Device()), s.Protocol, s.TLSMode, version, cipher,
			s.Readiness(), join(s.Blockers()), s.Outcome)
	}
	_ = w.Flush()
	p.line("")
}

// stayUp says how to try the bridge by hand.
func (p *printer) stayUp(s *stage) {
	for _, l := range s.bridge.server.Listeners {
		if l.Name == "imaps" {
			a, err := netip.ParseAddrPort(l.Net.Addr().String())
			if err != nil {
				return
			}
			p.line("The bridge stays up. An old device by hand (log in with: a LOGIN pumps@contoso.example \"ward 3, bed 12\"):\n"+
				"  openssl s_client -connect %s -tls1 -cipher 'AES128-SHA@SECLEVEL=0' -crlf -quiet\nCtrl-C ends it.", a)
		}
	}
}
