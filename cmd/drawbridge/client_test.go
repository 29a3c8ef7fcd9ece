package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// client is a device that the test plays line by line.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dial connects to the bridge; tlsVersion 0 leaves the connection in clear.
func dial(t *testing.T, address string, tlsVersion uint16) *client {
	t.Helper()
	return dialFrom(t, "127.0.0.1", address, tlsVersion)
}

// dialFrom connects from a loopback address of one's own.
func dialFrom(t testing.TB, source, address string, tlsVersion uint16) *client {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	raw, err := dialer.DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	must(t, raw.SetDeadline(time.Now().Add(patience)))
	c := &client{t: t, Conn: raw, r: bufio.NewReader(raw)}
	if tlsVersion != 0 {
		c.secure(tlsVersion)
	}
	return c
}

// secure makes the connection a TLS one of exactly this version.
func (c *client) secure(version uint16) {
	c.t.Helper()
	secure := tls.Client(c.Conn, deviceConfig(version))
	must(c.t, secure.HandshakeContext(c.t.Context()))
	c.Conn, c.r = secure, bufio.NewReaderSize(secure, 64<<10)
}

// deviceConfig is an old device's: one version, RSA key exchange up to 1.2, and no verification.
func deviceConfig(version uint16) *tls.Config {
	return &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		InsecureSkipVerify: true}
}

// say sends lines in one write.
func (c *client) say(lines ...string) {
	c.t.Helper()
	_, err := io.WriteString(c.Conn, strings.Join(lines, "\r\n")+"\r\n")
	must(c.t, err)
}

// line reads a line.
func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read a line: %v, after %q", err, line)
	}
	return strings.TrimRight(line, "\r\n")
}

// hear reads lines up to one that begins with prefix, and returns that.
func (c *client) hear(prefix string) string {
	c.t.Helper()
	for {
		line := c.line()
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
}

// rest reads up to the end of the stream.
func (c *client) rest() (string, error) {
	rest, err := io.ReadAll(c.r)
	return string(rest), err
}

// startTLS gets as far as TLS by STARTTLS or STLS; between the command's OK and the handshake nothing may come.
func (c *client) startTLS(protocol string, version uint16) {
	c.t.Helper()
	if protocol == "imap" {
		c.hear("* OK")
		c.say("s STARTTLS")
		c.hear("s OK")
	} else {
		c.hear("+OK")
		c.say("STLS")
		c.hear("+OK")
	}
	c.secure(version)
}
