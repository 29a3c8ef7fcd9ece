package login

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"time"
)

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
	if err := s.owner.Send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stream) Close() error                     { return s.owner.Close() }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
