package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/protocol"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// mailClient is a session of the doctor's with an upstream, after its greeting and inside TLS.
type mailClient interface {
	// capabilities asks for the list that is announced before login.
	capabilities() ([]string, error)
	// login continues what client's Start began; it returns a *saidError where the upstream refuses.
	login(client sasl.Client, mechanism string, initial []byte) error
	// prove opens the mailbox and returns how many messages it has.
	prove() (int, error)
	// quit logs out, where there is still somebody to log out from.
	quit()
}

// saidError is what an upstream said instead of yes.
type saidError struct{ line string }

func (e *saidError) Error() string { return "the upstream says: " + e.line }

// silent says that the upstream did not do what it was asked for.
func silent(what string, err error) error { return login.RefuseSilent(what, err).Err }

// dialects are the protocols' own words where the steps are the same.
var dialects = map[string]dialect{
	protocol.IMAP: {good: "* OK", startTLS: "D0 STARTTLS", yes: "D0 OK", untagged: "* ", client: newIMAPClient},
	protocol.POP3: {good: "+OK", startTLS: "STLS", yes: "+OK", client: newPOPClient},
}

type dialect struct {
	good          string // begins a greeting
	startTLS, yes string
	untagged      string // begins a line that is no answer yet; empty: there are none
	client        func(conn *login.Conn, greeting string) mailClient
}

// known is the row of a protocol of the configuration.
func known(name string) protocol.Protocol {
	p, _ := protocol.Of(name)
	return p
}

// greet reads the greeting and starts TLS where it is not on yet.
func (d dialect) greet(ctx context.Context, conn *login.Conn) (string, error) {
	greeting, err := readReply(conn)
	switch {
	case err != nil:
		return "", err
	case !hasPrefixFold(greeting, d.good):
		return "", &saidError{greeting}
	case conn.Secure():
		return greeting, nil
	}
	if err := conn.WriteString(d.startTLS + "\r\n"); err != nil {
		return "", fmt.Errorf("start TLS: %w", err)
	}
	const most = 16 // lines until the answer
	answer, err := readReply(conn)
	for i := 1; i < most && err == nil && d.untagged != "" && strings.HasPrefix(answer, d.untagged); i++ {
		answer, err = readReply(conn)
	}
	switch {
	case err != nil:
		return "", err
	case !hasPrefixFold(answer, d.yes):
		return "", &proxy.DialError{Step: stepTLS, Err: &saidError{answer},
			Sentence: "the upstream does not start TLS (" + answer + "), and nothing is sent without it: set tls: implicit, or switch TLS on there"}
	}
	return greeting, conn.StartTLS(ctx, "")
}

func readReply(conn *login.Conn) (string, error) {
	line, err := conn.ReadLine(login.MaxReply)
	return string(line), err
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
