package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// forger is a connection under a TLS 1.2 session of crypto/tls that can send a handshake message in it, which crypto/tls never
// would: it follows the records and derives the keys (RFC 5246, sections 6.3 and 6.2.3.3; RFC 5288).
type forger struct {
	net.Conn
	client  bool
	broken  bool         // what comes from now on is
	in, out bytes.Buffer // what passed
	secrets bytes.Buffer // crypto/tls's key log
}

func (f *forger) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.in.Write(p[:n])
	if f.broken && n > 5 {
		p[n-1] ^= 1
	}
	return n, err
}

func (f *forger) Write(p []byte) (int, error) {
	f.out.Write(p)
	return f.Conn.Write(p)
}

// config is c, bound to the one suite and version that a forger knows.
func (f *forger) config(c *tls.Config) *tls.Config {
	c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	c.KeyLogWriter, c.SessionTicketsDisabled = &f.secrets, true
	return c
}

// forge sends message as a handshake record in the session.
func (f *forger) forge(t *testing.T, message []byte) {
	t.Helper()
	fields := strings.Fields(f.secrets.String())
	if len(fields) != 3 || fields[0] != "CLIENT_RANDOM" {
		t.Fatalf("the key log is %q", f.secrets.String())
	}
	client, _ := hex.DecodeString(fields[1])
	master, _ := hex.DecodeString(fields[2])
	theirs, key, iv := f.out.Bytes(), 0, 32
	if f.client {
		theirs = f.in.Bytes()
	} else {
		key, iv = 16, 36
	}
	server := theirs[5+4+2:][:32] // record header, message header, version
	block := keyBlock(master, append(bytes.Clone(server), client...))
	a, _ := aes.NewCipher(block[key:][:16])
	gcm, _ := cipher.NewGCM(a)
	number := binary.BigEndian.AppendUint64(nil, encrypted(f.out.Bytes()))
	header := []byte{22, 3, 3, 0, byte(len(message))}
	sealed := gcm.Seal(nil, append(bytes.Clone(block[iv:][:4]), number...), message, append(bytes.Clone(number), header...))
	record := append(append(header, number...), sealed...)
	binary.BigEndian.PutUint16(record[3:], uint16(len(number)+len(sealed)))
	if _, err := f.Conn.Write(record); err != nil {
		t.Errorf("forge: %v", err)
	}
}

// encrypted is how many records of a stream came after its change of cipher.
func encrypted(stream []byte) (n uint64) {
	for changed := false; len(stream) >= 5; {
		if changed {
			n++
		}
		changed = changed || stream[0] == 20
		stream = stream[5+int(binary.BigEndian.Uint16(stream[3:])):]
	}
	return n
}

// keyBlock is two keys of 16 bytes and two IVs of 4 (RFC 5246, section 5: the PRF).
func keyBlock(master, seed []byte) (block []byte) {
	mac := func(p []byte) []byte {
		h := hmac.New(sha256.New, master)
		h.Write(p)
		return h.Sum(nil)
	}
	seed = append([]byte("key expansion"), seed...)
	for a := mac(seed); len(block) < 40; a = mac(a) {
		block = append(block, mac(append(bytes.Clone(a), seed...))...)
	}
	return block
}

// brokenRecord is application data that nobody encrypted.
func brokenRecord(version byte) []byte {
	return append([]byte{23, 3, version, 0, 48}, make([]byte, 48)...)
}

// clientHello asks for a renegotiation, helloRequest for one by the client (RFC 5246, section 7.4.1).
var (
	clientHello  = append([]byte{1, 0, 0, 41, 3, 3}, append(make([]byte, 32), 0, 0, 2, 0xc0, 0x2f, 1, 0)...)
	helloRequest = []byte{0, 0, 0, 0}
)

func TestServer_DeviceThatBreaksTLSInTheSessionIsToldAndOnRecord(t *testing.T) {
	for _, c := range []struct {
		name, alert, reason string
		loggedIn            bool
		outcome             inventory.Outcome
		phase               inventory.Phase
		send                func(*testing.T, *forger)
	}{
		{"renegotiation", "unexpected_message", "asked to renegotiate TLS", true, inventory.OutcomeBridged, inventory.PhaseRelay,
			func(t *testing.T, f *forger) { f.forge(t, clientHello) }},
		{"renegotiation before login", "unexpected_message", "asked to renegotiate TLS", false, inventory.OutcomeAbandoned,
			inventory.PhaseLogin, func(t *testing.T, f *forger) { f.forge(t, clientHello) }},
		{"a broken record", "bad_record_mac", "broken TLS record", true, inventory.OutcomeBridged, inventory.PhaseRelay,
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write(brokenRecord(3)) }},
		{"a broken record before login", "bad_record_mac", "broken TLS record", false, inventory.OutcomeAbandoned, inventory.PhaseLogin,
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write(brokenRecord(3)) }},
		{"a record of another version", "protocol_version", "broken TLS record", true, inventory.OutcomeBridged, inventory.PhaseRelay,
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write(brokenRecord(1)) }},
		{"a record that is too long", "record_overflow", "broken TLS record", true, inventory.OutcomeBridged, inventory.PhaseRelay,
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write([]byte{23, 3, 3, 0xff, 0xff}) }},
		{"plain text and much of it", "", "broken TLS record", true, inventory.OutcomeBridged, inventory.PhaseRelay,
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write(bytes.Repeat([]byte("QUIT\r\n"), 1000)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.upstream.ignoresEnd()
			f := &forger{Conn: w.dialRaw(), client: true}
			k := tls.Client(f, f.config(&tls.Config{InsecureSkipVerify: true}))
			d := newDevice(t, k)
			if c.loggedIn {
				d.logIn("right")
				d.hear("+OK Mailbox open.")
			} else {
				d.hear("+OK ready")
			}
			c.send(t, f)
			_, err := io.ReadAll(d.r)
			var told *net.OpError
			if !errors.As(err, &told) || told.Op != "remote error" {
				t.Errorf("the device read %v, want an alert", err)
			}
			_ = f.Close()
			s := w.expect(c.outcome, c.phase, inventory.EndedByBridge, c.reason)
			if alert := s.TLS.AlertSent; alert == "" || c.alert != "" && alert != c.alert {
				t.Errorf("tls_alert_sent: %q, want %q", alert, c.alert)
			}
		})
	}
}

func TestServer_DeviceThatEndsTheSessionByAnAlertIsOnRecordWithIt(t *testing.T) {
	w := newWorld(t, nil)
	f := &forger{Conn: w.dialRaw(), client: true}
	k := tls.Client(f, f.config(&tls.Config{InsecureSkipVerify: true}))
	d := newDevice(t, k)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	w.upstream.answerWith(func(string) string { return "+OK" })
	f.broken = true
	d.say("NOOP")
	_, _ = io.ReadAll(d.r) // its own engine finds the record broken and says so
	s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "by the TLS alert bad_record_mac")
	if s.TLS.AlertReceived != "bad_record_mac" {
		t.Errorf("tls_alert_received: %q", s.TLS.AlertReceived)
	}
}

func TestServer_UpstreamThatBreaksTLSInTheSessionIsToldAndOnRecord(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		send         func(*testing.T, *forger)
	}{
		{"renegotiation", "the upstream asked to renegotiate TLS", func(t *testing.T, f *forger) { f.forge(t, helloRequest) }},
		{"a broken record", "the upstream sent a broken TLS record in the session (alert bad_record_mac)",
			func(t *testing.T, f *forger) { _, _ = f.Conn.Write(brokenRecord(3)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			told := make(chan error, 1)
			w.upstream.serveBy(func(raw net.Conn) {
				f := &forger{Conn: raw}
				k := tls.Server(f, f.config(&tls.Config{Certificates: []tls.Certificate{w.upstream.cert}}))
				_, _ = io.WriteString(k, "+OK mail ready\r\n")
				for lines := bufio.NewScanner(k); lines.Scan(); {
					reply := w.upstream.reply(strings.TrimRight(lines.Text(), "\r"))
					_, _ = io.WriteString(k, reply+"\r\n")
					if lines.Text() == "NOOP" {
						break
					}
				}
				c.send(t, f)
				_, err := k.Read(make([]byte, 1))
				told <- err
			})
			d := w.dial(0)
			d.logIn("right")
			d.hear("+OK Mailbox open.")
			d.say("NOOP")
			d.hear("+OK")
			d.end()
			s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByBridge, c.reason)
			if s.TLS.AlertSent != "" {
				t.Errorf("tls_alert_sent: %q, which is of the other leg", s.TLS.AlertSent)
			}
			if err := <-told; login.IsTimeout(err) || err == nil {
				t.Errorf("the upstream was told nothing: %v", err)
			}
		})
	}
}
