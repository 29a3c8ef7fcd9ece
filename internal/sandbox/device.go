package sandbox

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// LoginForm is how a device hands over its credentials.
type LoginForm string

// The login forms. Those of IMAP and of POP3 share the SASL names.
const (
	LoginQuoted     LoginForm = "LOGIN quoted"                         // IMAP
	LoginLiteral    LoginForm = "LOGIN literal"                        // IMAP, name and password in synchronizing literals
	AuthPlain       LoginForm = "AUTH PLAIN"                           // waits for the continuation request
	AuthPlainAtOnce LoginForm = "AUTH PLAIN with initial response"     //
	AuthLogin       LoginForm = "AUTH LOGIN"                           // IMAP and POP3
	AuthXOAUTH2     LoginForm = "AUTH XOAUTH2"                         // a token of its own; POP3 in two lines
	UserPass        LoginForm = "USER and PASS"                        // POP3
	LibraryLogin    LoginForm = "LOGIN by a well-behaved IMAP library" // IMAP, all of it by go-imap's client
)

// HelloForm is how a device opens the handshake.
type HelloForm string

// The hello forms. Those other than TLS are sent byte by byte from a recipe and can only end in an alert.
const (
	TLSHello   HelloForm = ""
	SSLv3Hello HelloForm = "SSLv3" // offers nothing above SSL 3.0
	SSLv2Hello HelloForm = "SSLv2" // an SSLv2-format hello that offers nothing above SSL 3.0
)

// Outcome is how a device's visit ends.
type Outcome string

// The outcomes. Failed is never expected.
const (
	MailRead Outcome = "mail"
	Alerted  Outcome = "alert"   // the hello was answered by a TLS alert
	Refused  Outcome = "refused" // the login was answered by a refusal
	Failed   Outcome = "failed"
)

// Habits are the liberties that real devices take with the protocols.
type Habits struct {
	LowerCase    bool // command words in lower case
	DoubleSpaces bool // two spaces between words, up to the end of the login
	BareLF       bool // lines end with LF alone
}

// Device is a simulated device.
type Device struct {
	Name     string
	Protocol Protocol
	STARTTLS bool
	Hello    HelloForm
	MinTLS   uint16   // as in crypto/tls
	MaxTLS   uint16   // as in crypto/tls
	Suites   []uint16 // up to TLS 1.2; nil: what crypto/tls offers by itself
	SendName bool     // sends the server's name (SNI)
	Login    LoginForm
	Habits   Habits
	Account  string // the name it logs in with
	Mailbox  string // the address upstream, where that is not the account
	Password string
	Stranger bool   // there is no such account
	Token    string // with AuthXOAUTH2
	Mail     []byte // the message it expects to read first
	Expect   Outcome
	Reads    string // with Refused: what the refusal must contain
}

// Target is where a device goes.
type Target struct {
	Address    string         // host and port; a loopback address
	Roots      *x509.CertPool // nil: the device verifies nothing, as many do
	ServerName string         // the name to verify and, by habit, to send; default: the address's host
	Timeout    time.Duration  // of each read; default 30 s
	Step       func(Step)     // is told what happens, while it happens; may be nil
}

// Step is one thing that a device did or saw. Text never has a secret in it.
type Step struct {
	Device string
	After  time.Duration // since the device began
	Text   string
}

// Result is what came of a device's visit.
type Result struct {
	Device   Device
	Outcome  Outcome
	Version  uint16 // of TLS; 0 without a handshake
	Suite    uint16
	Mail     []byte // what it read
	Refusal  string // what it was told when it was refused
	Alert    uint8  // the alert's description; with Alerted
	Steps    []Step
	Err      error // with Failed
	Duration time.Duration
}

// OK tells whether the visit ended as the device expects, with its message intact.
func (r Result) OK() bool {
	switch {
	case r.Outcome != r.Device.Expect:
		return false
	case r.Outcome == MailRead:
		return bytes.Equal(r.Mail, r.Device.Mail)
	case r.Outcome == Refused:
		return strings.Contains(r.Refusal, r.Device.Reads)
	}
	return r.Outcome == Alerted
}

// Run connects, reads the device's message, logs out, and tells how it went. It returns at the latest when ctx ends.
func (d Device) Run(ctx context.Context, target Target) Result {
	v := &visit{device: d, target: target, began: time.Now(), result: Result{Device: d}}
	err := v.run(ctx)
	alert, isAlert := errors.AsType[errAlert](err)
	refusal, isRefusal := errors.AsType[errRefused](err)
	switch {
	case err == nil:
		v.result.Outcome = MailRead
	case isAlert:
		v.result.Outcome, v.result.Alert = Alerted, uint8(alert)
	case isRefusal:
		v.result.Outcome, v.result.Refusal = Refused, string(refusal)
	default:
		v.result.Outcome, v.result.Err = Failed, fmt.Errorf("%s: %w", d.Name, err)
	}
	v.result.Duration = time.Since(v.began)
	return v.result
}

// errAlert is the alert that ended a handshake, errRefused the answer that refused a login.
type (
	errAlert   uint8
	errRefused string
)

// Error names the alert as crypto/tls does.
func (e errAlert) Error() string { return tls.AlertError(e).Error() }

// Error quotes the refusal.
func (e errRefused) Error() string { return fmt.Sprintf("login refused: %q", string(e)) }

// visit is a device's way from dial to farewell.
type visit struct {
	device Device
	target Target
	began  time.Time
	lines  *lineConn
	result Result
}

func (v *visit) step(format string, args ...any) {
	s := Step{Device: v.device.Name, After: time.Since(v.began), Text: fmt.Sprintf(format, args...)}
	v.result.Steps = append(v.result.Steps, s)
	if v.target.Step != nil {
		v.target.Step(s)
	}
}

func (v *visit) run(ctx context.Context) error {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", v.target.Address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	v.step("connected to %s", v.target.Address)
	v.lines = &lineConn{raw, bufio.NewReader(raw), v.device.Habits, cmp.Or(v.target.Timeout, 30*time.Second)}
	switch {
	case v.device.Protocol == POP3:
		return v.talk(ctx, talk{v.greetPOP3, v.agreePOP3, v.logInPOP3, v.readPOP3})
	case v.device.Login == LibraryLogin:
		return v.runLibrary(ctx)
	}
	return v.talk(ctx, talk{v.greetIMAP, v.agreeIMAP, v.logInIMAP, v.readIMAP})
}

// talk is what a protocol has of its own, from the greeting to the first message of the inbox.
type talk struct {
	greet, agree func() error // agree is STARTTLS up to the handshake
	logIn, read  func() error
}

func (v *visit) talk(ctx context.Context, protocol talk) error {
	if !v.device.STARTTLS {
		if err := v.handshake(ctx); err != nil {
			return err
		}
	}
	if err := protocol.greet(); err != nil {
		return err
	}
	if v.device.STARTTLS {
		if err := protocol.agree(); err != nil {
			return err
		}
		if err := v.handshake(ctx); err != nil {
			return err
		}
	}
	if err := v.noteRefusal(protocol.logIn()); err != nil {
		return err
	}
	v.step("logged in as %s by %s", v.device.Account, v.device.Login)
	return protocol.read()
}

// handshake makes the connection a TLS one in the device's way.
func (v *visit) handshake(ctx context.Context) error {
	if v.device.Hello != TLSHello {
		return v.oldHello()
	}
	ctx, cancel := context.WithTimeout(ctx, v.lines.timeout)
	defer cancel()
	secure := tls.Client(v.lines.stream, v.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		return v.handshakeError(err)
	}
	v.lines.stream = secure
	v.lines.reader.Reset(secure) // what came in clear text before is forgotten
	state := secure.ConnectionState()
	v.result.Version, v.result.Suite = state.Version, state.CipherSuite
	v.step("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	return nil
}

// handshakeError finds the alert in crypto/tls's error by its text: the type that it gives is not exported, but one that reads alike.
func (v *visit) handshakeError(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" && op.Err != nil {
		for description := range 256 {
			if alert := errAlert(description); alert.Error() == op.Err.Error() {
				v.step("refused: %v", alert)
				return alert
			}
		}
	}
	return fmt.Errorf("handshake: %w", err)
}

func (v *visit) tlsConfig() *tls.Config {
	host, _, _ := net.SplitHostPort(v.target.Address)
	name := cmp.Or(v.target.ServerName, host)
	config := &tls.Config{
		MinVersion:   v.device.MinTLS,
		MaxVersion:   v.device.MaxTLS,
		CipherSuites: v.device.Suites,
		// The name is verified below, whether or not it is sent.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return verify(state, v.target.Roots, name) },
	}
	if v.device.SendName {
		config.ServerName = name
	}
	return config
}

func verify(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	if roots == nil {
		return nil
	}
	chain := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain, DNSName: name})
	return err
}
