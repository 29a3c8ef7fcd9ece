package imaplogin

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/proxy/login"
)

const (
	// maxInitial bounds the line of an initial response: Exchange Server takes 10,240 bytes a command.
	maxInitial = 9000
	// maxChallenges bounds a SASL dialog with an upstream.
	maxChallenges = 8
	// maxLiteralMinus is the longest literal that LITERAL- lets go without waiting (RFC 7888, section 5).
	maxLiteralMinus = 4096
)

// Allows implements login.Dialog. LOGINDISABLED forbids the command LOGIN only (RFC 9051, section 7.2.2); an initial response
// needs SASL-IR (RFC 4959) and a line that is short enough.
func (u *upstream) Allows(m login.Method) bool {
	switch {
	case m.Password != nil:
		return !has(u.capabilities, imap.CapLoginDisabled)
	case m.OneLine && (!has(u.capabilities, imap.CapSASLIR) || len("D99 "+authenticate(m)+"\r\n") > maxInitial):
		return false
	}
	return has(u.capabilities, imap.AuthCap(m.Name))
}

// Distrust implements login.Dialog. Only what was refused for its form alone is distrusted: another device's password may well be
// taken.
func (u *upstream) Distrust(m login.Method) {
	var word imap.Cap
	switch {
	case m.OneLine:
		word = imap.CapSASLIR
	case m.Password == nil && !u.sent:
		word = imap.AuthCap(m.Name)
	default:
		return
	}
	u.capabilities = slices.DeleteFunc(slices.Clone(u.capabilities), func(s string) bool { return strings.EqualFold(s, string(word)) })
	u.conn.Announced().Correct(u.told, u.capabilities)
}

func has(capabilities []string, c imap.Cap) bool {
	return slices.ContainsFunc(capabilities, func(s string) bool { return strings.EqualFold(s, string(c)) })
}

// offers are the capabilities that concern a login, for the record.
func offers(capabilities []string) []string {
	const most = 16
	var list []string
	for _, c := range capabilities {
		upper := strings.ToUpper(c)
		if (strings.HasPrefix(upper, "AUTH=") || upper == string(imap.CapLoginDisabled)) && len(list) < most {
			list = append(list, upper)
		}
	}
	return list
}

// Try implements login.Dialog. After an OK the capabilities are those after login.
func (u *upstream) Try(how login.Method) (unknown bool, err error) {
	u.notes.Auth, u.notes.Alerts = how.Mechanism(), nil
	before := u.capabilities
	u.capabilities = nil
	u.token = how.Token()
	logIn := u.sasl
	if how.Password != nil {
		logIn = u.login
	}
	a, err := logIn(how, before)
	u.sent = a.sent
	if err != nil {
		u.capabilities = before
		return false, err
	}
	if refused, unknown := login.Judge(a.answer(), how); refused != nil {
		u.capabilities, u.notes.Says = before, a.line
		return unknown, refused
	}
	u.notes.Says = ""
	if u.capabilities != nil {
		return false, nil
	}
	u.capabilities = before
	if u.token {
		return false, nil // ProveMailbox asks
	}
	return false, u.askCapability()
}

// sasl runs AUTHENTICATE (RFC 9051, section 6.2.2) and returns its tagged answer.
func (u *upstream) sasl(how login.Method, _ []string) (taggedAnswer, error) {
	const what = "answer AUTHENTICATE"
	tag, err := u.send(authenticate(how))
	if err != nil {
		return taggedAnswer{}, login.RefuseSilent(what, err)
	}
	for n := range maxChallenges {
		a, err := u.await(tag, what)
		a.sent = how.OneLine || n > 0
		if err != nil || !a.more {
			return a, err
		}
		if err := u.conn.WriteString(how.Response(n, a.challenge) + "\r\n"); err != nil {
			return taggedAnswer{}, login.RefuseSilent(what, err)
		}
	}
	return taggedAnswer{}, unavailable("the upstream does not come to an end in AUTHENTICATE %s: check that it serves "+
		"this mechanism", how.Name)
}

// authenticate is the command of how, with the initial response where it goes in one line (RFC 4959).
func authenticate(how login.Method) string {
	command := "AUTHENTICATE " + how.Name
	if !how.OneLine {
		return command
	}
	return command + " " + cmp.Or(base64.StdEncoding.EncodeToString(how.Initial), "=")
}

// login runs LOGIN (RFC 9051, section 6.2.3) and returns its tagged answer.
func (u *upstream) login(how login.Method, capabilities []string) (taggedAnswer, error) {
	const what = "answer LOGIN"
	tag := u.nextTag()
	line := tag + " LOGIN"
	for _, s := range []string{how.Password.Name, how.Password.Password.Reveal()} {
		switch {
		case quotable(s):
			line += " " + quote(s)
		case atOnce(s, capabilities):
			line += fmt.Sprintf(" {%d+}\r\n%s", len(s), s)
		default:
			if err := u.conn.WriteString(fmt.Sprintf("%s {%d}\r\n", line, len(s))); err != nil {
				return taggedAnswer{}, login.RefuseSilent(what, err)
			}
			if a, err := u.await(tag, what); err != nil || !a.more {
				a.sent = true
				return a, err
			}
			line = s
		}
	}
	if err := u.conn.WriteString(line + "\r\n"); err != nil {
		return taggedAnswer{}, login.RefuseSilent(what, err)
	}
	a, err := u.await(tag, what)
	a.sent = true
	if err == nil && a.more {
		u.notes.Says = a.line
		return a, unavailable("the upstream asks for more than a name and a password after LOGIN, see upstream_says: check that it is " +
			"an IMAP server")
	}
	return a, err
}

// quotable reports whether s can stand in quotes (RFC 9051, section 9: quoted).
func quotable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r == 0 || r == '\r' || r == '\n' || r > 0x7f })
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// atOnce reports whether s may go as a literal that does not wait (RFC 7888).
func atOnce(s string, capabilities []string) bool {
	return has(capabilities, imap.CapLiteralPlus) || has(capabilities, imap.CapLiteralMinus) && len(s) <= maxLiteralMinus
}
