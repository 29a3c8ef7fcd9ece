package imaplogin

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/proxy"
)

// reply is what a device reads for a reason: a response code (RFC 5530) and a text.
type reply struct {
	code imap.ResponseCode
	text string
}

func (r reply) String() string {
	if r.code == "" {
		return r.text
	}
	return "[" + string(r.code) + "] " + r.text
}

const (
	textUnavailable = "Service unavailable, please wait a few minutes and try again"
	textEnded       = "Too many errors or too slow, please wait and try again"
)

// words are what a device reads for each reason.
var words = map[proxy.Reason]reply{
	proxy.Internal:        {imap.ResponseCodeServerBug, textUnavailable},
	proxy.BadCredentials:  {imap.ResponseCodeAuthenticationFailed, "Wrong name or password"},
	proxy.NoTLS:           {imap.ResponseCodePrivacyRequired, "Use STARTTLS first"},
	proxy.Blocked:         {imap.ResponseCodeContactAdmin, "This device may no longer read mail here."},
	proxy.Unavailable:     {imap.ResponseCodeUnavailable, textUnavailable},
	proxy.TooManySessions: {imap.ResponseCodeLimit, "Too many sessions for this mailbox, please wait"},
	proxy.TooManyFailures: {imap.ResponseCodeLimit, "Too many failed logins, please wait"},
	proxy.Busy:            {imap.ResponseCodeUnavailable, textUnavailable},
	proxy.Ended:           {"", textEnded},
	proxy.Plaintext:       {"", "This service is unavailable without TLS"},
}

// endings are the reasons that end a session: they are told by BYE, whatever the device waits for.
var endings = []proxy.Reason{proxy.Busy, proxy.Ended, proxy.Plaintext}

// Refuse says why not: as the answer to the login that waits for one, else as the last line of the session.
func (l *login) Refuse(r *proxy.Refusal) error {
	said, ok := words[r.Reason]
	if !ok {
		said = words[proxy.Internal]
	}
	if r.Text != "" {
		said.text += " " + r.Text
	}
	tag := l.tag
	l.greeted, l.tag = true, ""
	if tag == "" || slices.Contains(endings, r.Reason) {
		return l.say("* BYE " + said.String())
	}
	return l.say(tag + " NO " + said.String())
}

// Admit tells the device that it is logged in, and what the upstream can do.
func (l *login) Admit(notice string) error {
	text := l.word + " completed."
	if notice != "" {
		text = reply{imap.ResponseCodeAlert, notice}.String()
	}
	answer := l.tag + " OK " + text
	if list := l.afterLogin(); len(list) > 0 {
		answer = "* CAPABILITY " + strings.Join(list, " ") + "\r\n" + answer
	}
	l.tag, l.upstream = "", nil
	return l.say(answer)
}

// afterLogin is the upstream's list without what concerns only a login.
func (l *login) afterLogin() []string {
	if l.upstream == nil {
		return nil
	}
	var list []string
	for _, c := range l.upstream.capabilities {
		upper := strings.ToUpper(c)
		if strings.HasPrefix(upper, "AUTH=") || upper == string(imap.CapLoginDisabled) || upper == string(imap.CapStartTLS) {
			continue
		}
		list = append(list, c)
	}
	return list
}
