package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/internal/tlstest"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

const (
	patience     = 10 * time.Second
	recordHeader = 5 // bytes
)

// crossing is a relay between a device leg of TLS 1.0 with AES-128 and an upstream leg of TLS 1.3, over loopback.
type crossing struct {
	device, upstream *tls.Conn
	records          *recordMeter // of what the device is sent
	relay            *relay
	cut              context.CancelFunc
	done             chan struct{}
}

func newCrossing(t testing.TB, recordSize int, adjust ...func(*relay)) *crossing {
	t.Helper()
	leaf, root := tlstest.DeviceLeaf(t)
	x := &crossing{done: make(chan struct{})}
	deviceSide, ours := tlstest.TCPPair(t)
	x.records = &recordMeter{Conn: deviceSide}
	x.device = tls.Client(x.records, tlstest.ClientOf(t, tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA))
	wire := devicetls.NewWire(ours, netip.MustParseAddr("127.0.0.1"), nil)
	served := tls.Server(wire, &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: devicetls.LegacySuites(),
		Certificates: []tls.Certificate{*leaf}, DynamicRecordSizingDisabled: true})
	upstreamSide, theirs := tlstest.TCPPair(t)
	x.upstream = tls.Server(upstreamSide, &tls.Config{Certificates: []tls.Certificate{*leaf}, MinVersion: tls.VersionTLS13})
	dialled := tls.Client(theirs, &tls.Config{RootCAs: root.Pool, ServerName: "bridge.test", MinVersion: tls.VersionTLS13})
	handshakeBoth(t, x.device, served)
	handshakeBoth(t, dialled, x.upstream)
	x.relay = &relay{device: login.NewConn(served, login.ConnOptions{Secure: true, RecordSize: recordSize}),
		upstream: login.NewConn(dialled, login.ConnOptions{Secure: true}), idle: patience}
	for _, f := range adjust {
		f(x.relay)
	}
	ctx, cut := context.WithCancel(context.Background())
	x.cut = cut
	go func() {
		defer close(x.done)
		stop := context.AfterFunc(ctx, x.relay.cut)
		defer stop()
		x.relay.run()
		_ = served.Close()
		_ = dialled.Close()
	}()
	return x
}

// end closes both sides and waits for the relay.
func (x *crossing) end(t testing.TB) {
	t.Helper()
	_ = x.device.Close()
	_ = x.upstream.Close()
	defer x.cut()
	select {
	case <-x.done:
	case <-time.After(patience):
		t.Fatal("the relay does not end")
	}
}

func handshakeBoth(t testing.TB, device, server *tls.Conn) {
	t.Helper()
	failed := make(chan error, 1)
	go func() { failed <- server.Handshake() }()
	if err := device.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// recordMeter measures the records of application data that are read.
type recordMeter struct {
	net.Conn
	rest    int
	header  []byte
	largest int
	smaller int // how many were smaller than 1 KiB
}

func (m *recordMeter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if m.rest > 0 {
			skip := min(m.rest, len(b))
			m.rest, b = m.rest-skip, b[skip:]
			continue
		}
		m.header, b = append(m.header, b[0]), b[1:]
		if len(m.header) == recordHeader {
			m.measure()
		}
	}
	return n, err
}

func (m *recordMeter) measure() {
	m.rest = int(m.header[3])<<8 | int(m.header[4])
	if m.header[0] == 23 {
		m.largest = max(m.largest, m.rest)
		if m.rest < 1<<10 {
			m.smaller++
		}
	}
	m.header = m.header[:0]
}

func TestRelay_LargeMessagesBothWaysArriveByteForByte(t *testing.T) {
	down, up := int64(64<<20), int64(16<<20)
	if testing.Short() {
		down, up = 4<<20, 1<<20
	}
	x := newCrossing(t, 0)
	sums := make(chan [32]byte, 4)
	stream := func(from, to *tls.Conn, seed byte, n int64) {
		source := io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)
		sent, got := sha256.New(), sha256.New()
		go func() {
			_, _ = io.Copy(from, io.TeeReader(source, sent))
			sums <- [32]byte(sent.Sum(nil))
		}()
		_, _ = io.CopyN(got, to, n)
		sums <- [32]byte(got.Sum(nil))
	}
	go stream(x.upstream, x.device, 1, down)
	go stream(x.device, x.upstream, 2, up)
	counts := map[[32]byte]int{}
	for range 4 {
		select {
		case s := <-sums:
			counts[s]++
		case <-time.After(6 * patience):
			t.Fatal("the bytes do not arrive")
		}
	}
	for s, n := range counts {
		if n != 2 {
			t.Errorf("the sum %x came %d times, want once sent and once received", s[:4], n)
		}
	}
	x.end(t)
	if in, out := x.relay.device.Bytes(); in != up || out != down {
		t.Errorf("counted %d from and %d to the device, want %d and %d", in, out, up, down)
	}
	if x.records.largest < 16<<10 {
		t.Errorf("the largest record has %d bytes: a burst should fill them", x.records.largest)
	}
}

func TestRelay_RecordSizeBoundsWhatADeviceIsSent(t *testing.T) {
	const overhead = 20 + 16 + 16 // of TLS 1.0 with AES-128-CBC and SHA-1: MAC, padding; an IV since 1.1
	for _, size := range []int{512, 1024, 4096} {
		x := newCrossing(t, size)
		go func() { _, _ = x.upstream.Write(make([]byte, 200<<10)) }()
		if _, err := io.CopyN(io.Discard, x.device, 200<<10); err != nil {
			t.Fatal(err)
		}
		if x.records.largest > size+overhead || x.records.largest < size {
			t.Errorf("record_size %d: the largest record has %d bytes", size, x.records.largest)
		}
		x.end(t)
	}
}

func TestRelay_ThroughTLSEndsWithCloseNotifyOnBothSides(t *testing.T) {
	x := newCrossing(t, 0)
	say(t, x.device, "QUIT\r\n")
	hear(t, x.upstream, "QUIT\r\n")
	say(t, x.upstream, "+OK bye\r\n")
	_ = x.upstream.CloseWrite()
	hear(t, x.device, "+OK bye\r\n")
	hearEnd(t, x.device) // io.EOF is close_notify: a mere end of TCP is io.ErrUnexpectedEOF
	if n, err := x.records.Conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind close_notify came %d bytes, %v: want the end of TCP, since not every device understands the alert", n, err)
	}
	_ = x.device.CloseWrite()
	hearEnd(t, x.upstream)
	x.end(t)
	if by := x.relay.endedBy(); by != inventory.EndedByUpstream {
		t.Errorf("ended by %s", by)
	}
}

func TestRelay_CutThroughTLSIsToldByCloseNotify(t *testing.T) {
	x := newCrossing(t, 0)
	say(t, x.upstream, "* still here\r\n")
	hear(t, x.device, "* still here\r\n")
	x.cut()
	hearEnd(t, x.device) // no line, and no bare end of TCP
	hearEnd(t, x.upstream)
	if by := x.relay.endedBy(); by != inventory.EndedByBridge {
		t.Errorf("ended by %s", by)
	}
	x.end(t)
}

func TestRelay_LeavesNeitherGoroutinesNorFiles(t *testing.T) {
	newCrossing(t, 0).end(t)
	before, running := descriptors(), goleak.IgnoreCurrent()
	for range 5 {
		x := newCrossing(t, 0)
		go func() { _, _ = x.upstream.Write(make([]byte, 1<<20)) }() // cut off in the middle
		hear(t, x.device, string(make([]byte, 10<<10)))
		x.end(t)
	}
	goleak.VerifyNone(t, running)
	if after := descriptors(); after > before {
		t.Errorf("%d files were open before and %d are after", before, after)
	}
}

func BenchmarkRelayDown(b *testing.B) {
	const message = 1 << 20
	line := strings.Repeat("base64", 12) + "3456\r\n"
	mail := strings.Repeat(line, message/len(line))
	fetch := fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s)\r\n", len(mail), mail)
	envelopes := strings.Repeat("* 1 FETCH (FLAGS (\\Seen) ENVELOPE (\"x\" NIL \"y\"))\r\n", message/50)
	for _, c := range []struct {
		name    string
		dialect *login.Dialect
		ask, up string
	}{
		{"unobserved", nil, "", fetch},
		{"IMAP literal", new(imaplogin.Dialect()), "a FETCH 1 BODY[]\r\n", fetch},
		{"IMAP data", new(imaplogin.Dialect()), "a FETCH 1:* ALL\r\n", envelopes},
		{"POP3 mail", new(pop3login.Dialect()), "RETR 1\r\n", "+OK\r\n" + mail + ".\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := newCrossing(b, 0, func(r *relay) {
				if c.dialect != nil {
					r.observer = c.dialect.NewLogin(r.device, "", &login.Notes{}).(login.Observer)
				}
			})
			b.SetBytes(int64(len(c.up)))
			b.ReportAllocs()
			for b.Loop() {
				say(b, x.device, c.ask)
				hear(b, x.upstream, c.ask)
				go func() { _, _ = io.WriteString(x.upstream, c.up) }()
				if _, err := io.CopyN(io.Discard, x.device, int64(len(c.up))); err != nil {
					b.Fatal(err)
				}
			}
			x.end(b)
		})
	}
}
