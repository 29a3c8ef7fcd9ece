package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Lookup returns the addresses that Dial would try for protocol, in its order; an address in place of a name is its own.
// The error is a *DialError of StepDNS.
func (u *Upstream) Lookup(ctx context.Context, protocol string) ([]netip.Addr, error) {
	host, _, err := u.target(protocol)
	if err != nil {
		return nil, err
	}
	if u.o.DialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.o.DialTimeout)
		defer cancel()
	}
	return u.lookup(ctx, host)
}

// PeerCertificate returns the certificate that the peer showed, verified for an upstream, or nil outside TLS.
func (c *Conn) PeerCertificate() *x509.Certificate {
	t, ok := c.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	if shown := t.ConnectionState().PeerCertificates; len(shown) > 0 {
		return shown[0]
	}
	return nil
}

// Stream returns the rest of the connection as a net.Conn for a client library, which reads before, which may be empty, and then
// what comes. It owns the Conn from now on. Setting its deadlines does nothing: the Conn's holds, so that a library cannot
// take it away.
func (c *Conn) Stream(before string) net.Conn {
	return &stream{Conn: c.conn, owner: c, before: strings.NewReader(before)}
}

type stream struct {
	net.Conn // addresses
	owner    *Conn
	before   *strings.Reader
}

func (s *stream) Read(p []byte) (int, error) {
	if s.before.Len() > 0 {
		return s.before.Read(p)
	}
	return s.owner.r.Read(p)
}

func (s *stream) Write(p []byte) (int, error) {
	if err := s.owner.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stream) Close() error                     { return s.owner.Close() }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
