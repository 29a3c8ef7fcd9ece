package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"drawbridge/inventory"
)

// resolvedName is a name in the certificates of both stand-ins.
const resolvedName = "outlook.office365.com"

// nameServer is a DNS server stand-in that knows one name, and the ways in which such a server fails.
type nameServer struct {
	address string
	mu      sync.Mutex
	conn    net.PacketConn // nil: down
	silent  bool
	ended   bool
	asking  []net.Conn // the resolver waits for answers on these, longer than the tests last
	group   sync.WaitGroup
}

// newNameServer makes this process ask the stand-in until the test ends: no other test may run beside it.
func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	s := &nameServer{address: "127.0.0.1:0"}
	s.up(t)
	system := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: s.dial}
	t.Cleanup(func() {
		net.DefaultResolver = system
		s.down()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
		for _, c := range s.asking {
			_ = c.Close()
		}
	})
	return s
}

// dial is a net.Resolver's Dial.
func (s *nameServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, net.ErrClosed
	}
	d := net.Dialer{Resolver: &net.Resolver{}} // lookups may outlast the test, and must not look at net.DefaultResolver then
	c, err := d.DialContext(ctx, "udp", s.address)
	if err == nil {
		s.asking = append(s.asking, c)
	}
	return c, err
}

func (s *nameServer) up(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = false
	if s.conn != nil {
		return
	}
	conn, err := net.ListenPacket("udp", s.address)
	must(t, err)
	s.conn, s.address = conn, conn.LocalAddr().String()
	s.group.Go(func() { s.serve(conn) })
}

func (s *nameServer) down() {
	s.mu.Lock()
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	s.mu.Unlock()
	s.group.Wait()
}

func (s *nameServer) fallSilent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

func (s *nameServer) serve(conn net.PacketConn) {
	query := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			return
		}
		s.mu.Lock()
		silent := s.silent
		s.mu.Unlock()
		if answer, err := answerName(query[:n]); err == nil && !silent {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answerName answers a question (RFC 1035, section 4.1): the name has one address of IPv4, and there is no other name.
func answerName(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Header.Response, m.Header.RecursionAvailable, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		switch {
		case q.Name.String() != resolvedName+".":
			m.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}})
		}
	}
	return m.Pack()
}

// TestModern_ResolverIsDown changes what the whole process asks, so that it is not parallel.
func TestModern_ResolverIsDown(t *testing.T) {
	takeNamesAway(t)
}

// takeNamesAway takes the name server away, first while there is no token and then while there is one, and gives it back. It returns how
// long the longest device waited for its answer, first and then.
func takeNamesAway(t *testing.T) (first, then time.Duration) {
	t.Helper()
	names := newNameServer(t)
	w := newModernWorld(t, modernOptions{rewrite: func(text string) string {
		text = strings.ReplaceAll(text, "127.0.0.1:", resolvedName+":")
		return strings.ReplaceAll(text, "    guesses:", "    dial_timeout: 2s\n    guesses:")
	}})
	names.down()
	for _, protocol := range bothProtocols {
		got := w.try(t, scanner(protocol))
		got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseDecide, resolvedName)
		got.wantReason(t, "Entra ID gives no token", "the name server fails", "check the name server")
		first = max(first, got.took)
	}
	names.up(t)
	for _, protocol := range bothProtocols {
		w.wantMail(t, scanner(protocol))
	}
	for name, takeAway := range map[string]func(){"down": names.down, "silent": names.fallSilent} {
		t.Run(name, func(t *testing.T) {
			takeAway()
			for _, protocol := range bothProtocols {
				got := w.try(t, scanner(protocol))
				got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseDial,
					"the name "+resolvedName+" of upstream exchange-online cannot be looked up")
				got.wantReason(t, "check the name and this machine's DNS")
				then = max(then, got.took)
			}
			names.up(t)
			for _, protocol := range bothProtocols { // at once: nothing remembers that there was no answer
				w.try(t, scanner(protocol)).want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
			}
		})
	}
	if n := w.entra.Log().Tokens(); n != 1 {
		t.Errorf("%d requests for a token came through, want one", n)
	}
	return first, then
}

// wantReason looks for more parts of the record's reason.
func (got tried) wantReason(t *testing.T, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got.record.Reason, p) {
			t.Errorf("reason %q, want %q in it", got.record.Reason, p)
		}
	}
}
