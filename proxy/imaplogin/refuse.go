package imaplogin

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/proxy/login"
)

// codes are the response codes of the reasons (RFC 5530).
var codes = map[login.Reason]imap.ResponseCode{
	login.Internal:        imap.ResponseCodeServerBug,
	login.BadCredentials:  imap.ResponseCodeAuthenticationFailed,
	login.NoTLS:           imap.ResponseCodePrivacyRequired,
	login.Blocked:         imap.ResponseCodeContactAdmin,
	login.Unavailable:     imap.ResponseCodeUnavailable,
	login.TooManySessions: imap.ResponseCodeLimit,
	login.TooManyFailures: imap.ResponseCodeLimit,
	login.Busy:            imap.ResponseCodeUnavailable,
}

// useSTARTTLS is the text for NoTLS.
const useSTARTTLS = "Use STARTTLS first"

// reply is what a device reads for a reason, more behind its text.
func reply(reason login.Reason, more string) string {
	if !reason.Known() {
		reason = login.Internal
	}
	text := reason.Text()
	if reason == login.NoTLS {
		text = useSTARTTLS
	}
	if more != "" {
		text += " " + more
	}
	return withCode(codes[reason], text)
}

func withCode(code imap.ResponseCode, text string) string {
	if code == "" {
		return text
	}
	return "[" + string(code) + "] " + text
}

// endings are the reasons that end a session: they are told by BYE, whatever the device waits for.
var endings = []login.Reason{login.Busy, login.Ended, login.Plaintext}

// Refuse says why not: as the answer to the login that waits for one, else as the last line of the session.
func (l *device) Refuse(r *login.Refusal) error {
	said, tag := reply(r.Reason, r.Text), l.tag
	l.greeted, l.tag = true, ""
	if tag == "" || slices.Contains(endings, r.Reason) {
		return l.say("* BYE " + said)
	}
	return l.say(tag + " NO " + said)
}

// Admit tells the device that it is logged in, and what the upstream can do: in the OK itself, since there are clients that read
// one line. An alert of the upstream comes before it.
func (l *device) Admit(a login.Admission) error {
	var before strings.Builder
	for _, alert := range a.Alerts {
		before.WriteString("* " + alert + "\r\n")
	}
	text, list := l.word+" completed.", strings.Join(afterLogin(a.Capabilities), " ")
	switch {
	case a.Notice != "" && list != "":
		before.WriteString("* CAPABILITY " + list + "\r\n")
		fallthrough
	case a.Notice != "":
		text = withCode(imap.ResponseCodeAlert, a.Notice)
	case list != "":
		text = withCode(imap.ResponseCode("CAPABILITY "+list), text)
	}
	answer := before.String() + l.tag + " OK " + text
	l.tag = ""
	return l.say(answer)
}

// afterLogin is the upstream's list without what concerns only a login.
func afterLogin(capabilities []string) []string {
	return slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool {
		upper := strings.ToUpper(c)
		return strings.HasPrefix(upper, "AUTH=") || upper == string(imap.CapLoginDisabled) || upper == string(imap.CapStartTLS)
	})
}
