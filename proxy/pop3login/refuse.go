package pop3login

import (
	"strings"

	"drawbridge/proxy/login"
)

// codes are the response codes of the reasons (RFC 2449, section 8, RFC 3206).
var codes = map[login.Reason]string{
	login.Internal:        "[SYS/TEMP] ",
	login.BadCredentials:  "[AUTH] ",
	login.Blocked:         "[SYS/PERM] ",
	login.Unavailable:     "[SYS/TEMP] ",
	login.TooManySessions: "[IN-USE] ",
	login.TooManyFailures: "[LOGIN-DELAY] ",
	login.Busy:            "[SYS/TEMP] ",
	login.Ended:           "[SYS/TEMP] ",
}

// useSTLS is the text for NoTLS.
const useSTLS = "Use STLS first"

// reply is what a device reads for a reason.
func reply(reason login.Reason) string {
	if reason == login.NoTLS {
		return useSTLS
	}
	if !reason.Known() {
		reason = login.Internal
	}
	return codes[reason] + reason.Text()
}

// Refuse says why not, as the answer to what the device said last, or as the greeting.
func (l *device) Refuse(r *login.Refusal) error {
	l.greeted = true
	text := reply(r.Reason)
	if r.Text != "" {
		text += " " + r.Text
	}
	return l.say("-ERR " + text)
}

// Admit tells the device that its mailbox is open.
func (l *device) Admit(a login.Admission) error {
	return l.say(strings.TrimSpace("+OK Mailbox open. " + a.Notice))
}
