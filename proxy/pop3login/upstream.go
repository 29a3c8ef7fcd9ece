package pop3login

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

const (
	// maxInitial is how long a line with an initial response may be, its ending included (RFC 5034, section 4).
	maxInitial = 255
	// maxCapabilities bounds the lines of an upstream's CAPA.
	maxCapabilities = 64
	// maxChallenges bounds a SASL dialog with an upstream.
	maxChallenges = 8
)

// upstream is the bridge's half of one POP3 login.
type upstream struct {
	conn  *login.Conn
	notes *login.UpstreamNotes
	token bool // the login was by token, so the mailbox must be proven
}

// NewUpstream starts the upstream's half of a POP3 login.
func NewUpstream(conn *login.Conn, n *login.UpstreamNotes) login.UpstreamHalf {
	return &upstream{conn: conn, notes: n}
}

// Capabilities is nil: a POP3 device is told none at its login.
func (u *upstream) Capabilities() []string { return nil }

// Greet reads the greeting and starts TLS where it is not on yet.
func (u *upstream) Greet(ctx context.Context) error {
	if err := u.readGreeting(); err != nil {
		return err
	}
	return u.startTLS(ctx)
}

// Announce asks for the capabilities before login.
func (u *upstream) Announce() ([]string, error) { return u.capabilities(nil) }

// LogOut says goodbye (RFC 1939, section 5).
func (u *upstream) LogOut() { _, _ = u.ask("QUIT") }

// LogIn logs in with the first of mechs that the upstream announces, or by USER and PASS.
func (u *upstream) LogIn(_ context.Context, mechs []sasl.Client) error {
	remembered := u.conn.Announced().Load()
	capabilities, err := u.capabilities(remembered)
	if err != nil {
		return err
	}
	how, err := choose(capabilities, mechs)
	if err != nil {
		return err
	}
	err = u.logIn(how)
	if err == nil || remembered == nil {
		return err
	}
	return u.logInAnew(how, mechs, err)
}

// logInAnew looks whether a login was refused only because the upstream no longer announces what it did when it was
// last asked, and then logs in as it wants now.
func (u *upstream) logInAnew(tried login.Method, mechs []sasl.Client, refused error) error {
	var r *login.Refusal
	if !errors.As(refused, &r) || r.Reason != login.BadCredentials {
		u.conn.Announced().Store(nil)
		return refused
	}
	u.conn.Announced().Store(nil)
	capabilities, err := u.capabilities(nil)
	if err != nil || u.conn.Announced().Load() == nil { // it tells nothing: that is no reason to show it a password twice
		return refused
	}
	how, err := choose(capabilities, mechs)
	if err != nil || how.Name == tried.Name {
		return refused
	}
	return u.logIn(how)
}

func (u *upstream) readGreeting() error {
	line, err := u.reply()
	if err != nil {
		return login.RefuseSilent("greet", err)
	}
	if !isOK(line) {
		u.notes.Says = line
		return unavailable("the upstream greets with a refusal, see upstream_says: it is overloaded, or it does not serve this address")
	}
	u.notes.Greeting, u.notes.FrontEnd = line, login.FrontEnd(line)
	return nil
}

// startTLS starts TLS where it is not on yet (RFC 2595, section 4). What the upstream said before counts for nothing.
func (u *upstream) startTLS(ctx context.Context) error {
	if u.conn.Secure() {
		return nil
	}
	line, err := u.ask("STLS")
	if err != nil {
		return login.RefuseSilent("answer STLS", err)
	}
	if !isOK(line) {
		u.notes.Says = line
		return unavailable("the upstream does not start TLS (STLS): a password is never sent without it; set tls: implicit, or " +
			"switch TLS on there")
	}
	if err := u.conn.StartTLS(ctx, ""); err != nil {
		return unavailable("on the upstream's side %w", err)
	}
	u.notes.FrontEnd = ""
	return nil
}

// capabilities asks for the upstream's capabilities (RFC 2449, section 5) unless they are known. An upstream that does
// not know CAPA has USER and PASS.
func (u *upstream) capabilities(known []string) ([]string, error) {
	if known != nil {
		return known, nil
	}
	line, err := u.ask("CAPA")
	if err != nil {
		return nil, login.RefuseSilent("answer CAPA", err)
	}
	if !isOK(line) {
		return []string{"USER"}, nil
	}
	list := []string{}
	for {
		line, err := u.reply()
		switch {
		case err != nil:
			return nil, login.RefuseSilent("finish its answer to CAPA", err)
		case line == ".":
			u.conn.Announced().Store(list)
			return list, nil
		case len(list) == maxCapabilities:
			return nil, unavailable("the upstream lists more than %d capabilities", maxCapabilities)
		}
		list = append(list, strings.ToUpper(line))
	}
}

// choose returns the first of mechs that is announced, or USER and PASS for a password where no PLAIN is.
func choose(capabilities []string, mechs []sasl.Client) (login.Method, error) {
	offered := mechanisms(capabilities)
	how, wanted, err := login.ChooseMethod(mechs, login.MechanismUser, func(m login.Method) bool {
		return m.Password != nil || slices.Contains(offered, m.Name)
	})
	if err == nil && how.Name == "" {
		err = unavailable("the upstream does not offer %s over POP3 (it offers: %s): switch it on there, or give these devices "+
			"another upstream", strings.Join(wanted, " or "), strings.Join(offered, " "))
	}
	return how, err
}

// mechanisms are the words of the SASL capability (RFC 5034, section 3).
func mechanisms(capabilities []string) []string {
	for _, c := range capabilities {
		if words := strings.Fields(c); len(words) > 0 && words[0] == "SASL" {
			return words[1:]
		}
	}
	return nil
}

func (u *upstream) logIn(how login.Method) error {
	u.notes.Auth = how.Name
	if how.Password != nil {
		return u.userPass(how.Password)
	}
	u.token = how.Token()
	return u.sasl(how)
}

func (u *upstream) userPass(p *login.PasswordLogin) error {
	line, err := u.ask("USER " + p.Name)
	if err != nil {
		return login.RefuseSilent("answer USER", err)
	}
	if !isOK(line) {
		return u.refused(line)
	}
	line, err = u.ask("PASS " + p.Password.Reveal())
	if err != nil {
		return login.RefuseSilent("answer PASS", err)
	}
	return u.refused(line)
}

// sasl runs AUTH (RFC 5034, section 4). XOAUTH2 goes in two lines always: Exchange Online answers one with a protocol
// error. A server that knows no initial response asks for it with an empty challenge.
func (u *upstream) sasl(how login.Method) error {
	encoded := base64.StdEncoding.EncodeToString(how.Initial)
	command := "AUTH " + how.Name + " " + encoded
	if how.Name == login.MechanismXOAUTH2 || len(command)+2 > maxInitial {
		command = "AUTH " + how.Name
	}
	line, err := u.ask(command)
	for i := range maxChallenges {
		if err != nil {
			return login.RefuseSilent("answer AUTH "+how.Name, err)
		}
		challenge, more := strings.CutPrefix(line, "+")
		if !more || isOK(line) {
			return u.refused(line)
		}
		if i == 0 && strings.TrimSpace(challenge) == "" {
			line, err = u.ask(encoded)
		} else {
			line, err = u.ask(login.AnswerChallenge(how.Client, challenge))
		}
	}
	return unavailable("the upstream does not come to an end in AUTH %s", how.Name)
}

// ProveMailbox makes sure that the mailbox is open: Exchange can accept a token and then refuse every command.
func (u *upstream) ProveMailbox(context.Context) error {
	if !u.token {
		return nil
	}
	line, err := u.ask("STAT")
	if err != nil {
		return login.RefuseSilent("open the mailbox (STAT) after it took the token", err)
	}
	if !isOK(line) {
		u.notes.Says = line
		return unavailable("the upstream took the token and then did not open the mailbox, see upstream_says: check the permission " +
			"on the mailbox")
	}
	if words := strings.Fields(line); len(words) > 1 {
		u.notes.Messages, _ = strconv.Atoi(words[1])
	}
	return nil
}

// ask sends a command and returns the first line of its answer.
func (u *upstream) ask(command string) (string, error) {
	if err := u.conn.WriteString(command + "\r\n"); err != nil {
		return "", err
	}
	return u.reply()
}

func (u *upstream) reply() (string, error) {
	line, err := u.conn.ReadLine(login.MaxReply)
	return string(bytes.TrimRight(line, " ")), err
}

func isOK(line string) bool {
	return len(line) >= 3 && strings.EqualFold(line[:3], "+OK")
}

func unavailable(format string, args ...any) *login.Refusal {
	return login.Refuse(login.Unavailable, format, args...)
}
