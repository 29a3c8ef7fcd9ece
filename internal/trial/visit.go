package trial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"drawbridge/internal/protocol"
	"drawbridge/inventory"
)

const (
	// dialTimeout bounds the connection to a bridge on this machine or near it.
	dialTimeout = 10 * time.Second
	// readTimeout bounds the handshake and each read: longer than the bridge takes for its slowest answer to a login.
	readTimeout = 3 * time.Minute
)

// dialog is the device's side of a mail protocol. Each step says what the device saw. The bridge's own words in an
// error are a *answer.
type dialog interface {
	greeting() (string, error)
	startTLS() error
	capabilities() (string, error)
	logIn(account, password string) (string, error)
	message() (string, error)
	goodbye() (string, error)
}

// visit is a played device's way from dial to goodbye.
type visit struct {
	*Device
	step   func(Step)
	lines  *lines
	dialog dialog
	state  tls.ConnectionState
}

// failure is the step that a device failed at.
type failure struct {
	step string
	err  error
}

// run plays the device, tells every step, and returns nil or the step that failed.
func (v *visit) run(ctx context.Context) *failure {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { // with TLS's farewell where there is TLS
		if v.lines != nil {
			_ = v.lines.conn.Close()
		}
	}()
	for _, s := range v.steps() {
		began := time.Now()
		text, err := s.do(ctx)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			text = err.Error()
		}
		text = inventory.Printable(inventory.Redact(text, v.Password.Reveal()))
		v.step(Step{Step: s.name, OK: err == nil, Milliseconds: time.Since(began).Milliseconds(), Text: text})
		if err != nil {
			return &failure{step: s.name, err: err}
		}
	}
	return nil
}

type namedStep struct {
	name string
	do   func(context.Context) (string, error)
}

// steps are what the device does, in its order.
func (v *visit) steps() []namedStep {
	greeting := namedStep{"greeting", v.inDialog(dialog.greeting)}
	secure := []namedStep{{"handshake", v.handshake}, {"certificate", v.certificate}}
	list := []namedStep{{"connect", v.connect}}
	if v.Listener.TLS == "starttls" {
		list = append(append(list, greeting, namedStep{"starttls", v.startTLS}), secure...)
	} else {
		list = append(append(list, secure...), greeting)
	}
	list = append(list, namedStep{"capabilities", v.inDialog(dialog.capabilities)}, namedStep{"login", v.logIn})
	if v.Account != "" {
		list = append(list, namedStep{"message", v.inDialog(dialog.message)})
	}
	return append(list, namedStep{"goodbye", v.inDialog(dialog.goodbye)})
}

func (v *visit) inDialog(step func(dialog) (string, error)) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return step(v.dialog) }
}

// connect dials the bridge. The connection ends with ctx.
func (v *visit) connect(ctx context.Context) (string, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", v.Address)
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	v.lines = newLines(conn)
	v.dialog = &imap{v.lines}
	if v.Listener.Protocol == protocol.POP3 {
		v.dialog = &pop3{v.lines}
	}
	return "to " + v.Address, nil
}

func (v *visit) startTLS(context.Context) (string, error) {
	if err := v.dialog.startTLS(); err != nil {
		return "", err
	}
	if v.lines.reader.Buffered() > 0 {
		return "", errors.New("the bridge sent more in clear text behind its answer to STARTTLS")
	}
	return "agreed", nil
}

// handshake makes the connection a TLS one in the device's way. Like many devices it sends no server name and goes on
// whatever the certificate is; the next step tells what one that looks would think of it.
func (v *visit) handshake(ctx context.Context) (string, error) {
	if v.Profile.hello != nil {
		return "", v.oldHello()
	}
	secure := tls.Client(v.lines.conn, &tls.Config{
		MinVersion:         v.Profile.version,
		MaxVersion:         v.Profile.version,
		CipherSuites:       v.Profile.suites,
		InsecureSkipVerify: true, //nolint:gosec // verified, and told, in the step certificate
	})
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return "", handshakeFailure(err)
	}
	v.lines.conn = secure
	v.lines.reader.Reset(secure)
	v.state = secure.ConnectionState()
	return tls.VersionName(v.state.Version) + ", " + tls.CipherSuiteName(v.state.CipherSuite), nil
}

// alert is a TLS alert from the bridge.
type alert uint8

// Error names the alert as crypto/tls does.
func (a alert) Error() string {
	return fmt.Sprintf("the bridge answered with the alert %d: %v", uint8(a), tls.AlertError(a))
}

// handshakeFailure finds the bridge's alert in crypto/tls's error, whose own type for it is not exported: only the words
// are to be had.
func handshakeFailure(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return err
	}
	for code := range 256 {
		if a := tls.AlertError(code); a.Error() == op.Err.Error() {
			return alert(a)
		}
	}
	return err
}

// errServed says that a hello that is sent by hand got further than it can be played.
var errServed = errors.New("the bridge takes this hello; the device is played no further than that")

// oldHello sends a hello that no TLS library makes any more and reads the answer, an alert (RFC 5246, section 7.2).
func (v *visit) oldHello() error {
	if err := v.lines.write(string(v.Profile.hello)); err != nil {
		return err
	}
	record := make([]byte, 7)
	if err := v.lines.readFull(record); err != nil {
		return err
	}
	if record[0] == 21 {
		return alert(record[6])
	}
	if record[0] == 22 {
		return errServed
	}
	return fmt.Errorf("the bridge answered with % x, which is no TLS", record)
}

// certificate tells what a device that looks at the certificate sees.
func (v *visit) certificate(context.Context) (string, error) {
	leaf := v.state.PeerCertificates[0]
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	verdict := "verifies against the local CA"
	if err := v.verify(); err != nil {
		verdict = "does not verify against the local CA: " + err.Error()
	}
	return fmt.Sprintf("for %s; issued by %s; until %s; %s", strings.Join(names, ", "), leaf.Issuer,
		leaf.NotAfter.UTC().Format(time.DateOnly), verdict), nil
}

// verify checks the chain alone: which name devices call is not known here.
func (v *visit) verify() error {
	pem, err := os.ReadFile(v.CA)
	if err != nil {
		return fmt.Errorf("%w (run this as the bridge's user, with its configuration)", err)
	}
	roots, chain := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate in it", v.CA)
	}
	for _, c := range v.state.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err = v.state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain})
	return err
}

func (v *visit) logIn(context.Context) (string, error) {
	if v.Account == "" {
		return "not tried: no --account was given", nil
	}
	return v.dialog.logIn(v.Account, v.Password.Reveal())
}
