package imaplogin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// maxUntagged bounds the lines that an upstream may send before it answers a command.
const maxUntagged = 128

// upstream is the bridge's half of one IMAP login.
type upstream struct {
	conn  *login.Conn
	notes *login.UpstreamNotes
	tags  int
	token bool // the login was by token, so the mailbox must be proven
	sent  bool // something of the credential went up at the last attempt
	// capabilities is the list that was announced last, nil where none was, without what does not hold; told is all of it.
	capabilities, told []string
}

// NewUpstream starts the upstream's half of an IMAP login.
func NewUpstream(conn *login.Conn, n *login.UpstreamNotes) login.UpstreamHalf {
	return &upstream{conn: conn, notes: n}
}

// Capabilities is the list that the upstream announced last.
func (u *upstream) Capabilities() []string { return u.capabilities }

// Greet reads the greeting and starts TLS where it is not on yet.
func (u *upstream) Greet(ctx context.Context) error {
	if err := u.readGreeting(); err != nil {
		return err
	}
	return u.startTLS(ctx)
}

// LogIn logs in with the first of mechs that the upstream announces, in the first form that it knows. What a greeting announces
// is corrected by what is remembered of such a list, as is what is remembered alone.
func (u *upstream) LogIn(_ context.Context, mechs []sasl.Client) error {
	forms, wanted, err := login.Forms(mechs, login.MechanismLogin)
	if err != nil {
		return err
	}
	asked := false
	switch {
	case u.capabilities != nil:
		u.told = u.capabilities
		u.capabilities, asked = u.conn.Announced().Corrected(u.told)
		asked = !asked
	case !u.recall():
		asked = true
		if err := u.askBeforeLogin(); err != nil {
			return err
		}
	}
	err = login.TryForms(u, u.conn.Announced(), forms, asked)
	if errors.Is(err, login.ErrNotOffered) {
		return login.RefuseNotOffered("IMAP", wanted, offers(u.capabilities))
	}
	return err
}

// Announce asks for the capabilities before login.
func (u *upstream) Announce() ([]string, error) {
	err := u.askBeforeLogin()
	return u.capabilities, err
}

// LogOut says goodbye (RFC 9051, section 6.1.3).
func (u *upstream) LogOut() {
	if tag, err := u.send("LOGOUT"); err == nil {
		_, _ = u.await(tag, "answer LOGOUT") // BYE, or the end
	}
}

// recall takes the list that the upstream announced to an earlier session.
func (u *upstream) recall() bool {
	u.capabilities = u.conn.Announced().Load()
	u.told = u.capabilities
	return u.capabilities != nil
}

// askBeforeLogin asks for the list, and remembers it for other sessions.
func (u *upstream) askBeforeLogin() error {
	if err := u.askCapability(); err != nil {
		return err
	}
	if u.capabilities == nil {
		return unavailable("the upstream does not tell its capabilities (CAPABILITY): check that it is an IMAP server")
	}
	u.told = u.capabilities
	u.conn.Announced().Store(u.told)
	return nil
}

// AskAnew implements login.Dialog. Where the upstream is gone, what it said last stands.
func (u *upstream) AskAnew() (told bool, err error) {
	says := u.notes.Says
	if err := u.askBeforeLogin(); err != nil {
		u.conn.Announced().Store(nil)
		u.notes.Says = says
		return false, err
	}
	return true, nil
}

// readGreeting reads the greeting (RFC 9051, section 7.1). Its capabilities count only inside TLS.
func (u *upstream) readGreeting() error {
	line, err := u.readLine()
	if err != nil {
		return login.RefuseUngreeted(err, u.conn.Secure())
	}
	s := parseStatus(strings.TrimPrefix(line, "* "))
	switch {
	case !strings.HasPrefix(line, "* "):
		u.notes.Says = line
		return unavailable("the upstream does not greet as an IMAP server does, see upstream_says: check its address and port")
	case s.Type == imap.StatusResponseTypePreAuth:
		u.notes.Says = line
		return unavailable("the upstream says that this connection is logged in already (PREAUTH), so whose mailbox it opens cannot be told: " +
			"switch that off there")
	case s.Type != imap.StatusResponseTypeOK:
		u.notes.Says = line
		return unavailable("the upstream greets with a refusal, see upstream_says: it is overloaded, or does not serve this " +
			"address: look at its log if it goes on")
	}
	u.notes.Greeting, u.notes.FrontEnd = line, login.FrontEnd(line)
	u.take(s)
	return nil
}

// startTLS starts TLS where it is not on yet (RFC 9051, section 6.2.1). There is no second greeting, and what was
// announced before counts for nothing.
func (u *upstream) startTLS(ctx context.Context) error {
	if u.conn.Secure() {
		return nil
	}
	tag, err := u.send("STARTTLS")
	if err != nil {
		return login.RefuseSilent("answer STARTTLS", err)
	}
	a, err := u.await(tag, "answer STARTTLS")
	if err != nil {
		return err
	}
	if a.Type != imap.StatusResponseTypeOK {
		u.notes.Says = a.line
		return unavailable("the upstream does not start TLS (STARTTLS), and a password is never sent without it: set tls: implicit, or switch " +
			"TLS on there")
	}
	if err := u.conn.StartTLS(ctx, ""); err != nil {
		return login.RefuseTLS(err)
	}
	u.capabilities, u.notes.FrontEnd = nil, ""
	return nil
}

// askCapability asks for the capabilities. Where the upstream refuses to tell, what it said last stands.
func (u *upstream) askCapability() error {
	known := u.capabilities
	u.capabilities = nil
	tag, err := u.send("CAPABILITY")
	if err != nil {
		return login.RefuseSilent("answer CAPABILITY", err)
	}
	if _, err := u.await(tag, "answer CAPABILITY"); err != nil {
		return err
	}
	if u.capabilities == nil {
		u.capabilities = known
	}
	return nil
}

const notConnected = "the upstream took the token and then did not open the mailbox, see upstream_says: give the program's user, or " +
	"the application, full access to this mailbox, and wait a few minutes if it has too many sessions open"

// ProveMailbox makes sure that the mailbox is open: Exchange can accept a token and then refuse every command. After a
// password the upstream's OK is the proof.
func (u *upstream) ProveMailbox(context.Context) error {
	if !u.token {
		return nil
	}
	const what = "open the mailbox"
	status, list := u.nextTag(), u.nextTag()
	if err := u.conn.WriteString(status + " STATUS INBOX (MESSAGES)\r\n" + list + " CAPABILITY\r\n"); err != nil {
		return login.RefuseSilent(what, err)
	}
	known := u.capabilities
	u.capabilities = nil
	a, err := u.await(status, what)
	if err != nil {
		return err
	}
	if a.Type != imap.StatusResponseTypeOK {
		u.notes.Says = a.line
		return unavailable(notConnected)
	}
	if _, err = u.await(list, "answer CAPABILITY"); err != nil {
		return err
	}
	if u.capabilities == nil {
		u.capabilities = known
	}
	return nil
}

// send sends a command of our own and returns its tag.
func (u *upstream) send(command string) (tag string, err error) {
	tag = u.nextTag()
	return tag, u.conn.WriteString(tag + " " + command + "\r\n")
}

func (u *upstream) nextTag() string {
	u.tags++
	return fmt.Sprintf("D%d", u.tags)
}

// taggedAnswer is what an upstream says to a command of ours: its outcome, or, where more is set, a wish for more.
type taggedAnswer struct {
	status
	line      string
	more      bool
	challenge string
	sent      bool // something of the credential had gone up before
}

// await reads until the command tagged tag is answered, or asks for more. What comes in between is skipped, but for
// capabilities and a BYE. what names what the upstream was to do.
func (u *upstream) await(tag, what string) (taggedAnswer, error) {
	for range maxUntagged {
		line, err := u.readLine()
		if err != nil {
			return taggedAnswer{}, login.RefuseSilent(what, err)
		}
		if rest, found := strings.CutPrefix(line, tag+" "); found {
			a := taggedAnswer{status: parseStatus(rest), line: line}
			u.take(a.status)
			if a.Type == imap.StatusResponseTypeOK {
				u.hearAlert(a.status)
			}
			return a, nil
		}
		if rest, found := strings.CutPrefix(line, "+"); found {
			return taggedAnswer{line: line, more: true, challenge: strings.TrimSpace(rest)}, nil
		}
		if err := u.hear(line); err != nil {
			return taggedAnswer{}, err
		}
	}
	return taggedAnswer{}, unavailable("the upstream sent more than %d lines and did not %s: check that it is "+
		"an IMAP server", maxUntagged, what)
}

// inboxMessages finds the count in an untagged STATUS (RFC 9051, section 7.3.4).
var inboxMessages = regexp.MustCompile(`(?i)\(MESSAGES (\d{1,9})\)`)

// hear takes note of an untagged line.
func (u *upstream) hear(line string) error {
	word, rest, _ := strings.Cut(strings.TrimPrefix(line, "* "), " ")
	if !strings.HasPrefix(line, "* ") {
		return nil
	}
	switch strings.ToUpper(word) {
	case "CAPABILITY":
		u.capabilities = strings.Fields(rest)
	case "STATUS":
		if m := inboxMessages.FindStringSubmatch(rest); m != nil {
			u.notes.Messages, _ = strconv.Atoi(m[1])
		}
	case string(imap.StatusResponseTypeOK), string(imap.StatusResponseTypeNo), string(imap.StatusResponseTypeBad):
		s := parseStatus(word + " " + rest)
		u.take(s)
		u.hearAlert(s)
	case string(imap.StatusResponseTypeBye):
		u.notes.Says = line
		return unavailable("the upstream ended the session before the login was done, see upstream_says: it is overloaded or throttles; it " +
			"mends itself as a rule")
	}
	return nil
}

// take takes the capabilities that a status response may carry.
func (u *upstream) take(s status) {
	if s.Type == imap.StatusResponseTypeOK && s.Code == "CAPABILITY" {
		u.capabilities = strings.Fields(s.args)
	}
}

func (u *upstream) readLine() (string, error) {
	line, err := u.conn.ReadLine(login.MaxReply)
	return string(line), err
}

func unavailable(format string, args ...any) *login.Refusal {
	return login.Refuse(login.Unavailable, format, args...)
}
