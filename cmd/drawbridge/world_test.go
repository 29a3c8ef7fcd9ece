package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
	"drawbridge/proxy"
)

// patience bounds every wait of a test.
const patience = 20 * time.Second

// bridgeConfig is the part that all bridges of these tests have in common.
const bridgeConfig = `
name: test
listeners:
  - {name: imaps, protocol: imap, address: "127.0.0.1:0"}
  - {name: pop3s, protocol: pop3, address: "127.0.0.1:0"}
  - {name: imap, protocol: imap, address: "127.0.0.1:0", tls: starttls}
  - {name: pop3, protocol: pop3, address: "127.0.0.1:0", tls: starttls}
certificates:
  - local_ca: {names: [localhost, 127.0.0.1]}
admin: {address: ""}
`

// world is a mail server and a bridge in front of it, in this process.
type world struct {
	t        testing.TB
	dir      string // with data/ and mail-ca.pem
	exchange *sandbox.Exchange
	bridge   *bridge
	logs     *logs.Logs
	records  *recorder
	roots    *x509.CertPool                    // to verify the bridge with
	decider  func(proxy.Decider) proxy.Decider // what start puts around the bridge's own; nil: nothing

	stop, cut context.CancelFunc
	ended     chan error // what run returned
}

// newWorld makes a mail server without mailboxes and listeners.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), logs: quietLogs(), records: newRecorder()}
	var err error
	w.exchange, err = sandbox.New()
	must(t, err)
	t.Cleanup(func() { _ = w.exchange.Close() })
	must(t, os.WriteFile(w.caFile(), w.exchange.CA(), 0o600))
	return w
}

func (w *world) caFile() string  { return filepath.Join(w.dir, "mail-ca.pem") }
func (w *world) dataDir() string { return filepath.Join(w.dir, "data") }

// listen opens a listener of the mail server.
func (w *world) listen(o sandbox.ListenOptions) *sandbox.Listener {
	w.t.Helper()
	l, err := w.exchange.Listen(o)
	must(w.t, err)
	return l
}

func (w *world) mailbox(a sandbox.Account) {
	w.t.Helper()
	_, err := w.exchange.AddMailbox(a)
	must(w.t, err)
}

// upstream is an entry of upstreams; more stands in its braces.
func (w *world) upstream(name, imap, pop3 string, more ...string) string {
	parts := []string{"auth: passthrough"}
	if imap != "" {
		parts = append(parts, fmt.Sprintf("imap: %q", imap))
	}
	if pop3 != "" {
		parts = append(parts, fmt.Sprintf("pop3: %q", pop3))
	}
	more = append(parts, more...)
	if all := strings.Join(more, " "); !strings.Contains(all, "ca:") {
		more = append(more, "ca: "+w.caFile())
	}
	return fmt.Sprintf("  %s: {%s}\n", name, strings.Join(more, ", "))
}

// configure parses bridgeConfig and more, which begins a line.
func (w *world) configure(base, more string) *config.Config {
	w.t.Helper()
	text := fmt.Sprintf("data_dir: %s\n%s%s", w.dataDir(), base, more)
	cfg, err := config.Parse(filepath.Join(w.dir, "drawbridge.yaml"), []byte(text), config.System())
	must(w.t, err)
	return cfg
}

// start runs the bridge of a configuration until the test ends.
func (w *world) start(cfg *config.Config) {
	w.t.Helper()
	withAuthority(w.t, cfg.DataDir)
	var err error
	w.bridge, err = newBridge(cfg, w.logs, w.records)
	must(w.t, err)
	if w.decider != nil {
		g := *w.bridge.server.Generation()
		g.Decider = w.decider(g.Decider)
		w.bridge.server.Swap(&g)
	}
	ca, err := certs.OpenCA(filepath.Join(cfg.DataDir, certificates))
	must(w.t, err)
	w.roots = x509.NewCertPool()
	w.roots.AddCert(ca.Certificate())
	accept, stop := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w.stop, w.cut, w.ended = stop, cutNow, ended
	go func(b *bridge) { ended <- b.run(accept, cut) }(w.bridge)
	w.t.Cleanup(w.end)
}

// end stops the bridge at once. A second call does nothing.
func (w *world) end() {
	w.stop()
	w.cut()
	select {
	case err := <-w.ended:
		w.ended <- err
		if err != nil {
			w.t.Errorf("the bridge ended by %v", err)
		}
	case <-time.After(patience):
		w.t.Error("the bridge did not end after it was cut")
	}
}

// address is where the bridge listens for a protocol and mode.
func (w *world) address(protocol sandbox.Protocol, startTLS bool) string {
	w.t.Helper()
	for _, l := range w.bridge.holds().proxy.Listeners {
		if l.Protocol == string(protocol) && l.StartTLS == startTLS {
			return w.bridge.addressOf(l.Name).String()
		}
	}
	w.t.Fatalf("no listener for %s, STARTTLS %t", protocol, startTLS)
	return ""
}

// visit sends a device through the bridge and returns what it saw, and the record of its session.
func (w *world) visit(t testing.TB, d sandbox.Device) (sandbox.Result, *inventory.Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := w.records.count(d.Account)
	result := d.Run(ctx, sandbox.Target{Address: w.address(d.Protocol, d.STARTTLS), Roots: w.roots, ServerName: "localhost",
		Timeout: patience})
	return result, w.records.wait(t, d.Account, before+1)
}

// recorder keeps session records and lets tests wait for them.
type recorder struct {
	mu      sync.Mutex
	all     []*inventory.Session
	changed chan struct{} // closed and replaced at each record
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

// Admitted implements inventory.Recorder.
func (*recorder) Admitted(*inventory.Session) {}

// TurnedAway implements inventory.Recorder.
func (*recorder) TurnedAway(inventory.TurnedAway) {}

// Ended implements inventory.Recorder.
func (r *recorder) Ended(s *inventory.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	close(r.changed)
	r.changed = make(chan struct{})
}

// of are the records of sessions that claimed account, oldest first.
func (r *recorder) of(account string) ([]*inventory.Session, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*inventory.Session
	for _, s := range r.all {
		if s.ClaimedAccount == account {
			found = append(found, s)
		}
	}
	return found, r.changed
}

func (r *recorder) count(account string) int {
	found, _ := r.of(account)
	return len(found)
}

// wait returns the n-th record, counted from 1, of the sessions that claimed account.
func (r *recorder) wait(t testing.TB, account string, n int) *inventory.Session {
	t.Helper()
	deadline := time.After(patience)
	for {
		found, changed := r.of(account)
		if len(found) >= n {
			return found[n-1]
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no record number %d of account %q came", n, account)
		}
	}
}

// sessions are all records so far, oldest first.
func (r *recorder) sessions() []*inventory.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// next returns the record that follows the first n.
func (r *recorder) next(t testing.TB, n int) *inventory.Session {
	t.Helper()
	until(t, "a session record", func() bool { return len(r.sessions()) > n })
	return r.sessions()[n]
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for tick := time.Tick(10 * time.Millisecond); !holds(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}
