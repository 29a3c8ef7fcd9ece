package doctor

import (
	"context"
	"errors"
	"strings"

	"drawbridge/internal/protocol"
	"drawbridge/proxy"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

// halves are the bridge's own halves of a login with an upstream: a doctor must see what a session sees.
var halves = map[string]func(*login.Conn, *login.UpstreamNotes) login.UpstreamHalf{
	protocol.IMAP: imaplogin.NewUpstream,
	protocol.POP3: pop3login.NewUpstream,
}

// mailClient is a session of the doctor's with an upstream, after its greeting and inside TLS.
type mailClient struct {
	login.UpstreamHalf
	notes login.UpstreamNotes
}

// saidError is what an upstream said instead of yes.
type saidError struct{ line string }

func (e *saidError) Error() string { return "the upstream says: " + e.line }

// said makes a *saidError of err where the upstream said something, without the tag by which IMAP answers.
func (m *mailClient) said(err error) error {
	line := m.notes.Says
	m.notes.Says = ""
	if err == nil || line == "" {
		return plain(err)
	}
	if tag, rest, tagged := strings.Cut(line, " "); tagged && strings.HasPrefix(tag, "D") {
		line = rest
	}
	return &saidError{line}
}

// plain is what a Refusal says for the record.
func plain(err error) error {
	var r *login.Refusal
	if errors.As(err, &r) && r.Err != nil {
		return r.Err
	}
	return err
}

// greet reads the greeting and starts TLS where it is not on yet.
func (m *mailClient) greet(ctx context.Context, conn *login.Conn) error {
	err := m.Greet(ctx)
	var failed *proxy.DialError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return failed
	case m.notes.Greeting != "" && m.notes.Says != "" && !conn.Secure():
		answer := m.notes.Says
		return &proxy.DialError{Step: stepTLS, Err: &saidError{answer},
			Sentence: "the upstream does not start TLS (" + answer + "), and nothing is sent without it: set tls: implicit, or switch TLS on there"}
	}
	return m.said(err)
}

// known is the row of a protocol of the configuration.
func known(name string) protocol.Protocol {
	p, _ := protocol.Of(name)
	return p
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
