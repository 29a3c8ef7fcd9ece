package enrich_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is a DNS server that knows a few names. It serves UDP on loopback, or streams (RFC 1035, section 4.2.2) that
// need no network, for tests under testing/synctest.
type nameServer struct {
	mu     sync.Mutex
	names  map[string][]string // of an address, without last dots
	addrs  map[string][]string // of a name
	broken bool                // answers SERVFAIL
	silent bool                // answers nothing
	asked  map[string]int      // by question, "PTR 4.3.2.1.in-addr.arpa."
}

func newNameServer() *nameServer {
	return &nameServer{names: map[string][]string{}, addrs: map[string][]string{}, asked: map[string]int{}}
}

// give makes name and address lead to each other.
func (s *nameServer) give(addr, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[addr] = append(s.names[addr], name)
	s.addrs[name] = append(s.addrs[name], addr)
}

func (s *nameServer) set(change func(s *nameServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// count returns how often a reverse lookup of anything was asked.
func (s *nameServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for q, times := range s.asked {
		if q[:4] == "PTR " {
			n += times
		}
	}
	return n
}

// listen serves UDP on loopback until the test ends, and returns a resolver that asks there.
func (s *nameServer) listen(t *testing.T) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := s.answer(buf[:n]); a != nil {
				_, _ = c.WriteTo(a, from)
			}
		}
	})
	t.Cleanup(func() { _ = c.Close(); done.Wait() })
	return resolverBy(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	})
}

// stream returns a resolver whose questions are answered in memory.
func (s *nameServer) stream() *net.Resolver {
	return resolverBy(func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go s.serve(theirs)
		return ours, nil
	})
}

func (s *nameServer) serve(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, question); err != nil {
			return
		}
		if a := s.answer(question); a != nil {
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
		}
	}
}

func resolverBy(dial func(context.Context) (net.Conn, error)) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
}

func (s *nameServer) answer(question []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	s.asked[q.Type.String()[len("Type"):]+" "+q.Name.String()]++
	if s.silent {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	m.RCode = dnsmessage.RCodeServerFailure
	if !s.broken {
		s.fill(&m, q)
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (s *nameServer) fill(m *dnsmessage.Message, q dnsmessage.Question) {
	m.RCode = dnsmessage.RCodeSuccess
	name := q.Name.String()
	if q.Type == dnsmessage.TypePTR {
		for addr, names := range s.names {
			if reverseOf(addr) == name {
				for _, n := range names {
					m.Answers = append(m.Answers, record(q, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(n + ".")}))
				}
			}
		}
		if m.Answers == nil {
			m.RCode = dnsmessage.RCodeNameError
		}
		return
	}
	for _, a := range s.addrs[name[:len(name)-1]] {
		addr := netip.MustParseAddr(a)
		switch {
		case q.Type == dnsmessage.TypeA && addr.Is4():
			m.Answers = append(m.Answers, record(q, &dnsmessage.AResource{A: addr.As4()}))
		case q.Type == dnsmessage.TypeAAAA && addr.Is6():
			m.Answers = append(m.Answers, record(q, &dnsmessage.AAAAResource{AAAA: addr.As16()}))
		}
	}
}

func record(q dnsmessage.Question, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: body}
}

// reverseOf returns the name that is asked for an address's name.
func reverseOf(addr string) string {
	const hex = "0123456789abcdef"
	a := netip.MustParseAddr(addr)
	octets := a.AsSlice()
	name := ""
	for i := len(octets) - 1; i >= 0; i-- {
		if a.Is4() {
			name += net.IPv4(0, 0, 0, octets[i]).String()[len("0.0.0."):] + "."
		} else {
			name += string(hex[octets[i]&15]) + "." + string(hex[octets[i]>>4]) + "."
		}
	}
	if a.Is4() {
		return name + "in-addr.arpa."
	}
	return name + "ip6.arpa."
}

var errNoResolver = errors.New("this test asks no name server")

// noResolver fails at once.
func noResolver() *net.Resolver {
	return resolverBy(func(context.Context) (net.Conn, error) { return nil, errNoResolver })
}
