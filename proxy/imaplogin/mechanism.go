package imaplogin

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

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

// choose returns the first of mechs that is announced, or LOGIN for a password where no PLAIN is.
func choose(capabilities []string, mechs []sasl.Client) (login.Method, error) {
	how, wanted, err := login.ChooseMethod(mechs, login.MechanismLogin, func(m login.Method) bool { return announced(m, capabilities) })
	if err == nil && how.Name == "" {
		err = unavailable("the upstream does not offer %s over IMAP (it offers: %s): switch it on there, or give these devices "+
			"another upstream", strings.Join(wanted, " or "), strings.Join(offers(capabilities), " "))
	}
	return how, err
}

// announced reports whether the upstream takes such a login. LOGINDISABLED forbids the command LOGIN only (RFC 9051, section
// 7.2.2).
func announced(m login.Method, capabilities []string) bool {
	if m.Password != nil {
		return !has(capabilities, imap.CapLoginDisabled)
	}
	return has(capabilities, imap.AuthCap(m.Name))
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

// logIn logs in. Afterwards the capabilities are those after login.
func (u *upstream) logIn(how login.Method) error {
	u.notes.Auth = how.Name
	before := u.capabilities
	u.capabilities = nil
	u.token = how.Token()
	logIn := u.sasl
	if how.Password != nil {
		logIn = u.login
	}
	a, err := logIn(how, before)
	if err != nil {
		return err
	}
	if a.Type != imap.StatusResponseTypeOK {
		u.notes.Says = a.line
		return refusal(a.StatusResponse, u.token)
	}
	if u.capabilities != nil {
		return nil
	}
	u.capabilities = before
	if u.token {
		return nil // ProveMailbox asks
	}
	return u.askCapability()
}

// sasl runs AUTHENTICATE (RFC 9051, section 6.2.2) and returns its tagged answer.
func (u *upstream) sasl(how login.Method, capabilities []string) (taggedAnswer, error) {
	const what = "answer AUTHENTICATE"
	command, sent := initialCommand(how, capabilities)
	tag, err := u.send(command)
	if err != nil {
		return taggedAnswer{}, login.RefuseSilent(what, err)
	}
	for range maxChallenges {
		a, err := u.await(tag, what)
		if err != nil || !a.more {
			return a, err
		}
		response := base64.StdEncoding.EncodeToString(how.Initial)
		if sent {
			response = login.AnswerChallenge(how.Client, a.challenge)
		}
		sent = true
		if err := u.conn.WriteString(response + "\r\n"); err != nil {
			return taggedAnswer{}, login.RefuseSilent(what, err)
		}
	}
	return taggedAnswer{}, unavailable("the upstream does not come to an end in AUTHENTICATE %s: check that it serves "+
		"this mechanism", how.Name)
}

// initialCommand is AUTHENTICATE with the initial response, where there is one and the upstream takes it (RFC 4959).
// sent says that there is nothing left to be sent unasked.
func initialCommand(how login.Method, capabilities []string) (command string, sent bool) {
	command = "AUTHENTICATE " + how.Name
	if how.Initial == nil {
		return command, true
	}
	encoded := base64.StdEncoding.EncodeToString(how.Initial)
	if encoded == "" {
		encoded = "="
	}
	if !has(capabilities, imap.CapSASLIR) || len(command)+len(encoded)+len("D99  \r\n") >= maxInitial {
		return command, false
	}
	return command + " " + encoded, true
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
				return a, err
			}
			line = s
		}
	}
	if err := u.conn.WriteString(line + "\r\n"); err != nil {
		return taggedAnswer{}, login.RefuseSilent(what, err)
	}
	a, err := u.await(tag, what)
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
