package notices

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"

	"drawbridge/config"
	"drawbridge/internal/chain"
	"drawbridge/inventory"
)

// email sends messages to a mail server.
type email struct {
	cfg  config.NoticeEmail
	host string
	port int
	tls  *tls.Config
}

func newEmail(cfg config.NoticeEmail) (*email, error) {
	host, service, err := net.SplitHostPort(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	roots, err := rootsWith(cfg.CAPEM)
	if err != nil {
		return nil, err
	}
	return &email{cfg: cfg, host: host, port: port, tls: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots,
		VerifyConnection: chain.Verify}}, nil
}

// send sends a message to all recipients, or to none: where the server refuses one of them, nothing goes out.
func (e *email) send(ctx context.Context, m *Message) error {
	letter, err := e.letter(m)
	if err != nil {
		return &Fault{Problem: "the message cannot be written: " + err.Error(), Mend: "see from and to"}
	}
	wire := &wire{}
	defer wire.close()
	// What go-mail waits for after it has dialled heeds deadlines alone.
	defer context.AfterFunc(ctx, wire.close)()
	client, err := e.client(wire)
	if err != nil {
		return &Fault{Problem: "the mail server cannot be used: " + err.Error(), Mend: "see server"}
	}
	if err := client.DialWithContext(ctx); err != nil {
		return e.judge(ctx, err)
	}
	if err := client.Send(letter); err != nil && !letter.IsDelivered() {
		return e.judge(ctx, err)
	}
	_ = client.Close() // QUIT is a courtesy: the message is with the server
	return nil
}

// letter is a message as an e-mail. Programs that answer by themselves are asked not to (RFC 3834).
func (e *email) letter(m *Message) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := errors.Join(letter.From(e.cfg.From), letter.To(e.cfg.To...)); err != nil {
		return nil, err
	}
	letter.SetMessageIDWithValue(m.ID + "@" + addressHost(e.cfg.From))
	letter.SetDateWithValue(m.Time)
	letter.Subject(cut(m.subject(), maxQuote))
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetBodyString(mail.TypeTextPlain, m.text())
	return letter, nil
}

// addressHost is what stands behind the last @ of an address.
func addressHost(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return address
}

// client speaks with the server over a wire. What it does not need (NOOP, RSET) it leaves out, since nothing may fail after the message
// was taken.
func (e *email) client(w *wire) (*mail.Client, error) {
	options := []mail.Option{mail.WithPort(e.port), mail.WithTimeout(sendTimeout), mail.WithTLSConfig(e.tls), mail.WithoutNoop(),
		mail.WithoutRset()}
	switch e.cfg.TLS {
	case config.EmailImplicit:
		options = append(options, mail.WithSSL(), mail.WithDialContextFunc(w.dialTLS(e.tls)))
	case config.EmailNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(w.dial))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithDialContextFunc(w.dial))
	}
	if e.cfg.User != "" && e.cfg.TLS != config.EmailNone {
		options = append(options, mail.WithUsername(e.cfg.User), mail.WithPassword(e.cfg.Password.Reveal()),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return mail.NewClient(e.host, options...)
}

// judge says why a message was not sent.
func (e *email) judge(ctx context.Context, err error) *Fault {
	code := codeOf(err)
	problem, _, _ := strings.Cut(err.Error(), ", affected message ID") // it is our own
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
		problem += ": " + ctx.Err().Error()
	}
	f := &Fault{Problem: cut(inventory.Printable(inventory.Redact(problem, e.cfg.Password.Reveal())), maxSentence), Mend: e.mend(err, code)}
	var failed *mail.SendError
	if errors.As(err, &failed) && failed.Reason == mail.ErrSMTPDataClose && code == 0 {
		// The message is out, and what the server makes of it is not known.
		f.Uncertain, f.Problem = true, "no answer to the message, which it may have taken: "+f.Problem
	}
	return f
}

// codeOf is the code of the answer by which a server refused something (RFC 5321, section 4.2); 0 where it gave none.
func codeOf(err error) int {
	var answer *textproto.Error
	var failed *mail.SendError
	switch {
	case errors.As(err, &failed):
		return failed.ErrorCode()
	case errors.As(err, &answer):
		return answer.Code
	}
	return 0
}

// mend says what to do about an error, and the code that a server gave with it.
func (e *email) mend(err error, code int) string {
	switch {
	case code == 534, code == 535, code == 538:
		return "see user and password, and whether the server lets that user send by SMTP"
	case code == 530:
		return "write user and password, or let the server take mail from this machine without"
	case code >= 500:
		return "see from and to, and whether the server lets this machine send to them"
	case code >= 400:
		return "wait, or ask whoever runs the mail server"
	}
	return mendOf(err, "server")
}

// wire is the connection of one message, of which no more than a bound is read. close may be called by any goroutine.
type wire struct {
	mu   sync.Mutex
	conn net.Conn // nil before it was dialled
}

// bounded is a connection of which no more than maxAnswer is read.
type bounded struct {
	net.Conn
	left io.Reader
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) { return b.left.Read(p) }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = c
	return &bounded{c, io.LimitReader(c, maxAnswer)}, nil
}

// dialTLS dials and has TLS from the first byte on.
func (w *wire) dialTLS(cfg *tls.Config) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := w.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := tls.Client(raw, cfg)
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return c, nil
	}
}

// close ends the connection, if there is one: go-mail leaves it open where a step before the message fails.
func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close() // what went over it is over
	}
}
