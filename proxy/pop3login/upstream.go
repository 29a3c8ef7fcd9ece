package pop3login

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

const (
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
	sent  bool // something of the credential went up at the last attempt
	// announced is the list that was announced last, without what does not hold; told is all of it.
	announced, told []string
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
func (u *upstream) Announce() ([]string, error) { return u.askCapabilities() }

// LogOut says goodbye (RFC 1939, section 5).
func (u *upstream) LogOut() { _, _ = u.ask("QUIT") }

// LogIn logs in with the first of mechs that the upstream announces, in the first form that it knows.
func (u *upstream) LogIn(_ context.Context, mechs []sasl.Client) error {
	forms, wanted, err := login.Forms(mechs, login.MechanismUser)
	if err != nil {
		return err
	}
	u.announced = u.conn.Announced().Load()
	u.told = u.announced
	asked := u.announced == nil
	if asked {
		if _, err := u.askCapabilities(); err != nil {
			return err
		}
	}
	err = login.TryForms(u, u.conn.Announced(), forms, asked)
	if errors.Is(err, login.ErrNotOffered) {
		return login.RefuseNotOffered("POP3", wanted, mechanisms(u.announced))
	}
	return err
}

// AskAnew implements login.Dialog. An upstream that does not know CAPA tells nothing.
func (u *upstream) AskAnew() (told bool, err error) {
	u.conn.Announced().Store(nil)
	_, err = u.askCapabilities()
	return u.conn.Announced().Load() != nil, err
}

// Allows implements login.Dialog. AUTH goes in two lines always: Exchange Online answers one with a protocol error, others do not
// know an initial response, and a refusal of the line that carries it would not tell a form that is not known from a password that
// is wrong. USER and PASS need not be announced where no mechanism for a password is.
func (u *upstream) Allows(m login.Method) bool {
	offered := mechanisms(u.announced)
	switch {
	case m.OneLine:
		return false
	case m.Password == nil:
		return slices.Contains(offered, m.Name)
	}
	return slices.Contains(u.announced, "USER") || !slices.Contains(offered, "PLAIN") && !slices.Contains(offered, "LOGIN")
}

// Distrust implements login.Dialog. Only what was refused for its form alone is distrusted.
func (u *upstream) Distrust(m login.Method) {
	if m.Password != nil || u.sent {
		return
	}
	holds := slices.Clone(u.announced)
	for i, c := range holds {
		if words := strings.Fields(c); len(words) > 0 && words[0] == "SASL" {
			holds[i] = strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == m.Name }), " ")
		}
	}
	u.announced = holds
	u.conn.Announced().Correct(u.told, holds)
}

func (u *upstream) readGreeting() error {
	line, err := u.reply()
	if err != nil {
		return login.RefuseUngreeted(err, u.conn.Secure())
	}
	if !isOK(line) {
		u.notes.Says = line
		return unavailable("the upstream greets with a refusal, see upstream_says: it is overloaded, or does not serve this " +
			"address: look at its log if it goes on")
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
		return login.RefuseTLS(err)
	}
	u.notes.FrontEnd = ""
	return nil
}

// askCapabilities asks for the upstream's capabilities (RFC 2449, section 5), and remembers them for other sessions. An upstream that
// does not know CAPA has USER and PASS.
func (u *upstream) askCapabilities() ([]string, error) {
	line, err := u.ask("CAPA")
	if err != nil {
		return nil, login.RefuseSilent("answer CAPA", err)
	}
	if !isOK(line) {
		u.announced, u.told = []string{"USER"}, nil
		return u.announced, nil
	}
	list := []string{}
	for {
		line, err := u.reply()
		switch {
		case err != nil:
			return nil, login.RefuseSilent("finish its answer to CAPA", err)
		case line == ".":
			u.announced, u.told = list, list
			u.conn.Announced().Store(list)
			return list, nil
		case len(list) == maxCapabilities:
			return nil, unavailable("the upstream lists more than %d capabilities: check that it is a POP3 server", maxCapabilities)
		}
		list = append(list, strings.ToUpper(line))
	}
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

// Try implements login.Dialog.
func (u *upstream) Try(how login.Method) (unknown bool, err error) {
	u.notes.Auth = how.Mechanism()
	u.token = how.Token()
	logIn := u.sasl
	if how.Password != nil {
		logIn = u.userPass
	}
	line, err := logIn(how)
	if err != nil {
		return false, err
	}
	if refused, unknown := login.Judge(answer(line, u.sent), how); refused != nil {
		u.notes.Says = line
		return unknown, refused
	}
	u.notes.Says = ""
	return false, nil
}

// userPass sends USER and PASS and returns the line that decides (RFC 1939, section 7).
func (u *upstream) userPass(how login.Method) (string, error) {
	u.sent = true
	line, err := u.ask("USER " + how.Password.Name)
	if err != nil {
		return "", login.RefuseSilent("answer USER", err)
	}
	if !isOK(line) {
		return line, nil
	}
	line, err = u.ask("PASS " + how.Password.Password.Reveal())
	if err != nil {
		return "", login.RefuseSilent("answer PASS", err)
	}
	return line, nil
}

// sasl runs AUTH (RFC 5034, section 4) and returns the line that ends it.
func (u *upstream) sasl(how login.Method) (string, error) {
	u.sent = false
	line, err := u.ask("AUTH " + how.Name)
	for n := range maxChallenges {
		if err != nil {
			return "", login.RefuseSilent("answer AUTH "+how.Name, err)
		}
		challenge, more := strings.CutPrefix(line, "+")
		if !more || isOK(line) {
			return line, nil
		}
		u.sent = true
		line, err = u.ask(how.Response(n, challenge))
	}
	return "", unavailable("the upstream does not come to an end in AUTH %s: check that it serves this mechanism", how.Name)
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
