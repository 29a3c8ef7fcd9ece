package devicetls

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// NewStandardTerminator terminates with crypto/tls alone.
func NewStandardTerminator(p Profile) Terminator { return NewTerminator(p, NewStandard(p, nil)) }

// standard is crypto/tls as an engine.
type standard struct{ configs [classes]*tls.Config }

// NewStandard returns crypto/tls as an engine for p. It makes one configuration per class of hello, once, so that each keeps
// its ticket keys and devices can resume. The keys are those of before, the engine of the same listener until now: devices
// resume over a changed profile too, as far as that lets them. It may be nil.
func NewStandard(p Profile, before Engine) Engine {
	e := &standard{}
	older, _ := before.(*standard)
	for c := range e.configs {
		e.configs[c] = &tls.Config{}
		if older != nil {
			e.configs[c] = older.configs[c].Clone() // with its ticket keys
		}
		p.configure(e.configs[c], class(c))
	}
	return e
}

// Prepare implements Engine.
func (e *standard) Prepare(permitted Permitted) (Handshake, *TLSError) {
	c, refused := classify(permitted)
	if refused != nil {
		return nil, refused
	}
	return func(ctx context.Context, w *Wire) (net.Conn, inventory.TLS, error) {
		return handshake(ctx, w, e.configs[c], permitted.Hello)
	}, nil
}

// configure makes cfg crypto/tls's configuration for one class of hello.
func (p Profile) configure(cfg *tls.Config, c class) {
	cfg.MinVersion, cfg.MaxVersion = p.MinVersion, 0
	cfg.CipherSuites = p.Suites
	cfg.NextProtos = []string{p.Protocol}
	cfg.GetCertificate = p.showCertificate
	// A device on a local network gains nothing from small records; record_size is there for small buffers.
	cfg.DynamicRecordSizingDisabled = true
	switch c {
	case classTLS12:
		cfg.MaxVersion = tls.VersionTLS12
	case classRSA12:
		cfg.MaxVersion = tls.VersionTLS12
		fallthrough
	case classRSA: // which offers no TLS 1.3: without a bound it is told that we have it (RFC 8446, section 4.1.3)
		cfg.CipherSuites = slices.DeleteFunc(slices.Clone(p.Suites), func(id uint16) bool { return !rsaKeyExchange(id) })
	case classTLS11:
		cfg.MaxVersion = tls.VersionTLS11
	}
}

// showCertificate chooses the certificate and notes it for the record of the connection it is for.
func (p Profile) showCertificate(info *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := p.Certificate(info)
	if w, ok := info.Conn.(*Wire); ok && err == nil && len(cert.Certificate) > 0 {
		w.shown = sha256.Sum256(cert.Certificate[0])
	}
	return cert, err
}

// handshake runs crypto/tls on a connection whose hello it can serve.
func handshake(ctx context.Context, w *Wire, cfg *tls.Config, h *hello.Hello) (net.Conn, inventory.TLS, error) {
	if err := w.beginHandshake(ctx); err != nil {
		return nil, inventory.TLS{}, handshakeError(err, inventory.TLS{}, h, w.waited)
	}
	c := tls.Server(w, cfg)
	err := func() error {
		defer w.endHandshake() // also when it panics: the slot is others' too
		return c.Handshake()
	}()
	state := c.ConnectionState()
	if login.IsTimeout(err) && state.Version < tls.VersionTLS13 {
		w.SendAlert(max(state.Version, tls.VersionTLS10), AlertCloseNotify) // no keys are in use yet
	}
	info := inventory.TLS{Engine: "standard", AlertSent: w.sent.name()}
	if err != nil {
		// A client that fails before it has keys of its own sends its alert in clear, which crypto/tls takes for a record
		// with a bad MAC where keys are in use: OpenSSL at TLS 1.3.
		info.AlertReceived = cmp.Or(ReceivedAlert(err), w.came.name())
		info.AlertSent = cmp.Or(info.AlertSent, localAlert(err))
		info.Certificate = w.certificate()
		return nil, info, handshakeError(err, info, h, w.waited)
	}
	info.Completed = true
	Describe(&info, state)
	if !state.DidResume {
		info.Certificate = w.certificate()
	}
	return c, info, nil
}

// Describe copies what was negotiated.
func Describe(info *inventory.TLS, s tls.ConnectionState) {
	info.Version = hello.Version(s.Version)
	info.Cipher = tls.CipherSuiteName(s.CipherSuite)
	info.Resumed = s.DidResume
	if s.CurveID != 0 {
		info.Group = groupName(s.CurveID)
	}
}

// groupName is the IANA name of a group.
func groupName(id tls.CurveID) string {
	switch id {
	case tls.CurveP256:
		return "secp256r1"
	case tls.CurveP384:
		return "secp384r1"
	case tls.CurveP521:
		return "secp521r1"
	case tls.X25519:
		return "x25519"
	}
	return id.String()
}

func (w *Wire) certificate() string {
	if w.shown == [sha256.Size]byte{} {
		return ""
	}
	return hex.EncodeToString(w.shown[:])
}

// SelfTest serves one handshake on c with profile p, as a listener would, and reports whether it completes.
func SelfTest(p Profile, c net.Conn) error {
	w := NewWire(c, netip.Addr{}, nil)
	h, err := w.PeekHello()
	if err != nil {
		return err
	}
	_, _, err = NewStandardTerminator(p)(context.Background(), w, h)
	return err
}
