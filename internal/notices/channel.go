package notices

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"drawbridge/config"
	"drawbridge/internal/httpsproxy"
	"drawbridge/internal/pemfile"
)

// sendTimeout is how long a channel has to take a message.
const sendTimeout = 30 * time.Second

// maxAnswer is how many bytes are read of what a channel answers.
const maxAnswer = 64 << 10

// maxQuote is how much of an answer a fault repeats, in characters.
const maxQuote = 200

// Channel is one way by which notices reach people. It is safe for concurrent use.
type Channel struct {
	Name string // for people: the key and the host, and nothing that is secret
	key  string // the same as long as it leads to the same place
	send func(ctx context.Context, m *Message) error
}

// Send sends a message. The error is a *Fault.
func (c *Channel) Send(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return c.send(ctx, m)
}

// Fault says why a channel did not take a message, and what to do. It holds no secret.
type Fault struct {
	Problem   string
	Mend      string
	Uncertain bool          // it may have taken the message all the same
	After     time.Duration // how long it asks to be left alone; 0: it does not
}

// Error is both sentences.
func (f *Fault) Error() string { return f.Problem + ": " + f.Mend }

// Channels returns the channels of a configuration: the e-mail first, then the webhooks in their order. The error says that one
// cannot be used, whatever its other end does. lookup returns environment variables, in which HTTPS_PROXY may stand.
func Channels(cfg config.Notices, lookup httpsproxy.Lookup) ([]Channel, error) {
	var all []Channel
	if cfg.Email != nil {
		e, err := newEmail(*cfg.Email)
		if err != nil {
			return nil, fmt.Errorf("notices.email: %w", err)
		}
		all = append(all, Channel{Name: "email " + cfg.Email.Server, key: "email", send: e.send})
	}
	for i, w := range cfg.Webhooks {
		h, err := newWebhook(w, lookup)
		if err != nil {
			return nil, fmt.Errorf("notices.webhooks[%d]: %w", i, err)
		}
		all = append(all, Channel{Name: fmt.Sprintf("webhooks[%d] %s", i, h.host),
			key: "webhook " + digest(w.Format+" "+w.URL.Reveal()), send: h.send})
	}
	return all, nil
}

// rootsWith are the system's roots and those of a PEM text; nil, which stands for the system's, without one.
func rootsWith(text []byte) (*x509.CertPool, error) {
	if text == nil {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without roots of its own
	}
	roots, err := pemfile.Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	for _, c := range roots {
		pool.AddCert(c)
	}
	return pool, nil
}

// mendOf says what to do about a connection that failed; which names the key of its address.
func mendOf(err error, which string) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "if the certificate is one of your own CA, write the path of its root into ca, beside " + which
	case errors.As(err, &name):
		return "write the name into " + which + " that its certificate carries"
	case errors.As(err, &invalid):
		return "give the server a certificate that is valid"
	case errors.Is(err, context.DeadlineExceeded):
		return "see whether it answers, and whether a firewall is between"
	}
	return "see whether " + which + " is right, and whether it can be reached from here"
}
