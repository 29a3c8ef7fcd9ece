package imaplogin

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/proxy/login"
)

// status is a status response of an upstream (RFC 9051, section 7.1).
type status struct {
	imap.StatusResponse
	args string // behind the code in its brackets
}

// parseStatus reads what stands behind the tag: "NO [CODE args] text". Brackets at the end of the text, where Exchange
// puts the name of its front end, are no code.
func parseStatus(s string) status {
	word, text, _ := strings.Cut(s, " ")
	r := status{StatusResponse: imap.StatusResponse{Type: imap.StatusResponseType(strings.ToUpper(word)), Text: text}}
	inside, found := strings.CutPrefix(text, "[")
	code, rest, closed := strings.Cut(inside, "]")
	if !found || !closed {
		return r
	}
	code, r.args, _ = strings.Cut(code, " ")
	r.Code, r.Text = imap.ResponseCode(strings.ToUpper(code)), strings.TrimLeft(rest, " ")
	return r
}

// notThePassword are beginnings of refusals without a code that say something else than a wrong password.
var notThePassword = []string{
	"Basic authentication is disabled",
	"Server Unavailable",
	"Request is throttled",
}

// codeInUse is how some servers write INUSE, after POP3's IN-USE.
const codeInUse imap.ResponseCode = "IN-USE"

// refusalOf says why an upstream did not answer OK to a login. Only what can be nothing else is bad credentials.
func refusalOf(s imap.StatusResponse) login.Reason {
	if s.Type != imap.StatusResponseTypeNo {
		return login.Unavailable
	}
	switch s.Code {
	case imap.ResponseCodeAuthenticationFailed:
		return login.BadCredentials
	case imap.ResponseCodeInUse, codeInUse, imap.ResponseCodeLimit:
		return login.TooManySessions
	case "":
		if hasAnyPrefix(s.Text, notThePassword) {
			return login.Unavailable
		}
		return login.BadCredentials
	}
	return login.Unavailable
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if _, found := login.CutPrefixFold(s, p); found {
			return true
		}
	}
	return false
}

// sentences are what the record says of a refused login, by reason.
var sentences = map[login.Reason]string{
	login.BadCredentials: "the upstream refuses the name or the password: check both in the device",
	login.TooManySessions: "the upstream has too many sessions of this mailbox, see upstream_says: let fewer devices read it at once, or " +
		"raise its limit there",
	login.Unavailable: "the upstream refuses the login, and not because of the password, see upstream_says: nothing needs to be changed " +
		"in the device",
}

const tokenRefused = "the upstream refuses the token: it has run out, or gives no right to this mailbox over IMAP"

// refusal is the error for a login that was not answered OK.
func refusal(s imap.StatusResponse, token bool) *login.Refusal {
	reason := refusalOf(s)
	if token && reason == login.BadCredentials {
		return login.Refuse(reason, tokenRefused)
	}
	return login.Refuse(reason, "%s", sentences[reason])
}
