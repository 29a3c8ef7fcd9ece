package pop3login

import (
	"strings"

	"drawbridge/proxy"
)

// words are what a device reads for each reason (RFC 2449, section 8, RFC 3206). Clients tell a wrong password from
// everything else by code and words: fetchmail takes an -ERR before login for a wrong password unless it says "service"
// and "unavailable", "wait", "[IN-USE]" or "[LOGIN-DELAY]".
var words = map[proxy.Reason]string{
	proxy.BadCredentials:  "[AUTH] Wrong name or password",
	proxy.NoTLS:           "Use STLS first",
	proxy.Blocked:         "[SYS/PERM] This device may no longer read mail here.",
	proxy.Unavailable:     "[SYS/TEMP] Service unavailable, please wait a few minutes and try again",
	proxy.TooManySessions: "[IN-USE] Too many sessions for this mailbox, please wait",
	proxy.TooManyFailures: "[LOGIN-DELAY] Too many failed logins, please wait",
	proxy.Internal:        "[SYS/TEMP] Service unavailable, please wait a few minutes and try again",
	proxy.Busy:            "[SYS/TEMP] Service unavailable, please wait a few minutes and try again",
	proxy.Ended:           "[SYS/TEMP] Too many errors or too slow, please wait and try again",
	proxy.Plaintext:       "This service is unavailable without TLS",
}

// Refuse says why not, as the answer to what the device said last, or as the greeting.
func (l *login) Refuse(r *proxy.Refusal) error {
	l.greeted = true
	text, ok := words[r.Reason]
	if !ok {
		text = words[proxy.Internal]
	}
	if r.Text != "" {
		text += " " + r.Text
	}
	return l.say("-ERR " + text)
}

// Admit tells the device that its mailbox is open.
func (l *login) Admit(notice string) error {
	return l.say(strings.TrimSpace("+OK Mailbox open. " + notice))
}
