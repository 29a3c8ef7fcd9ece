package proxy_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/inventory"
)

// faulty is a Recorder that panics at one kind of call.
type faulty struct{ at string }

func (f faulty) Admitted(*inventory.Session)     { f.panicAt("admitted") }
func (f faulty) Ended(*inventory.Session)        { f.panicAt("ended") }
func (f faulty) TurnedAway(inventory.TurnedAway) { f.panicAt("turned away") }

func (f faulty) panicAt(call string) {
	if f.at == call {
		panic("a fault in a recorder")
	}
}

func TestServer_NoPanicOutlivesItsSession(t *testing.T) {
	var identified atomic.Int32
	for name, spoil := range map[string]func(w *world){
		"identify, at the beginning": func(w *world) {
			w.server.Identify = func(*inventory.Session) {
				if identified.Add(1) == 1 {
					panic("a fault of enrichment")
				}
			}
		},
		"identify, at the end": func(w *world) {
			var begun sync.Map
			w.server.Identify = func(s *inventory.Session) {
				if _, again := begun.LoadOrStore(s, true); again {
					panic("a fault of enrichment")
				}
			}
		},
		"a shared source": func(w *world) { w.server.Shared = func(netip.Addr) bool { panic("a fault of the guard") } },
		"the record":      func(w *world) { w.server.Recorder = inventory.Recorders{faulty{"ended"}, w.records, faulty{"ended"}} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spoil)
			d := w.dial(0)
			d.logIn("right")
			d.hear("+OK Mailbox open.")
			d.say("QUIT")
			_, _ = io.ReadAll(d.r)
			d.end()
			w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
			w.dial(0).hear("+OK ready")
		})
	}
}

func TestServer_PanicWhileAdmittedIsOnRecord(t *testing.T) {
	w := newWorld(t, func(w *world) { w.server.Recorder = inventory.Recorders{faulty{"admitted"}, w.records} })
	d := w.dial(0)
	d.logIn("right")
	_, _ = io.ReadAll(d.r)
	w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseAdmit, inventory.EndedByBridge, "a fault in Drawbridge")
	if got := w.records.admittedSessions(); got != 1 {
		t.Errorf("%d sessions were told as admitted to the recorder behind the faulty one, want 1", got)
	}
	w.dial(0).hear("+OK ready")
}

func TestServer_PanicBeforeASessionTurnsAway(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"admission": func(w *world) {
			w.server.Banned = func(netip.Addr) (time.Time, string, bool) { panic("a fault of the guard") }
		},
		"the PROXY header": func(w *world) {
			w.listener.Balancers = w.listener.Allow
			w.server.Sockets[0].Net = brokenListener{w.server.Sockets[0].Net}
		},
		"the recorder, too": func(w *world) {
			w.listener.Allow = nil
			w.server.Recorder = inventory.Recorders{faulty{"turned away"}, w.records}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spoil)
			for range 2 { // the first one ends no other
				c := w.dialRaw()
				_, _ = c.Write([]byte("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"))
				_, _ = io.ReadAll(c)
				select {
				case away := <-w.records.turned:
					if away.Reason == "" || !strings.Contains(away.Reason, "a fault in Drawbridge") && name != "the recorder, too" {
						t.Errorf("the reason is %q", away.Reason)
					}
				case <-time.After(patience):
					t.Fatal("nobody was turned away")
				}
			}
		})
	}
}

// brokenListener accepts connections whose reading panics, as a parser of what is read could.
type brokenListener struct{ net.Listener }

func (l brokenListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return brokenConn{c}, nil
}

type brokenConn struct{ net.Conn }

func (brokenConn) Read([]byte) (int, error) { panic("a fault of a parser") }
