package pop3login

import (
	"strings"

	"drawbridge/proxy/login"
)

// notThePassword are beginnings of refusals without a code that say something else than a wrong password. The last two
// are Exchange's answers to commands it does not understand, or not yet.
var notThePassword = []string{
	"Basic authentication is disabled",
	"Server Unavailable",
	"Request is throttled",
	"Protocol error",
	"Command is not valid in this state",
}

// refused reads the answer to a login: nil for +OK, else why not, as far as its code tells (RFC 2449, section 8). Without
// a code it is a wrong name or password.
func (u *upstream) refused(line string) error {
	if isOK(line) {
		return nil
	}
	u.notes.Says = line
	text, isErr := login.CutPrefixFold(line, "-ERR")
	if !isErr {
		return unavailable("the upstream answers the login with something that is no POP3, see upstream_says")
	}
	text = strings.TrimSpace(text)
	switch code := responseCode(text); {
	case code == "AUTH":
		return u.badCredentials()
	case code == "IN-USE", code == "INUSE", code == "LIMIT":
		return login.Refuse(login.TooManySessions, "the upstream has too many sessions of this mailbox, see upstream_says: let fewer devices "+
			"read it at once, or raise its limit there")
	case code != "":
		return unavailable("the upstream refuses the login for now, see upstream_says: nothing needs to be changed in the device")
	}
	for _, prefix := range notThePassword {
		if _, found := login.CutPrefixFold(text, prefix); found {
			return unavailable("the upstream refuses the login, and not because of the password, see upstream_says: nothing needs to be changed " +
				"in the device")
		}
	}
	return u.badCredentials()
}

func (u *upstream) badCredentials() error {
	if u.token {
		return login.Refuse(login.BadCredentials, "the upstream refuses the token: it has run out, or gives no right to this mailbox over POP3")
	}
	return login.Refuse(login.BadCredentials, "the upstream refuses the name or the password: check both in the device")
}

// responseCode is the code in brackets at the start of a refusal, in upper case. Exchange's brackets at the end are none.
func responseCode(text string) string {
	inside, found := strings.CutPrefix(text, "[")
	if !found {
		return ""
	}
	code, _, found := strings.Cut(inside, "]")
	if !found || strings.ContainsAny(code, " =+") {
		return ""
	}
	return strings.ToUpper(code)
}
