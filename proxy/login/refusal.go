package login

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reason is why a device is refused. Each protocol maps it to its own words in one table.
type Reason int

// The reasons. Busy, Ended and Plaintext end the session.
const (
	Internal        Reason = iota // a fault of ours
	BadCredentials                // wrong name or password, or a program's own token refused; never anything else
	NoTLS                         // a login before STARTTLS or STLS
	Blocked                       // stage block
	Unavailable                   // brownout, upstream, token, throttled, draining
	TooManySessions               // of this mailbox
	TooManyFailures               // of this source and login
	Busy                          // before login could begin: too many sessions, banned source, draining
	Ended                         // ended before login: time-out, bad commands, third refusal
	Plaintext                     // plaintext on a TLS port
)

// Known reports whether r is one of the reasons above.
func (r Reason) Known() bool { return r >= Internal && r <= Plaintext }

// Refusal is an error the device can be told about. Text stands behind the protocol's own text where it is not empty
// (only Blocked needs it). Err is for the record, and never sent to a device. Where NotBefore is set the device is told
// no sooner. Uncoded says that an upstream refused bad credentials without a response code.
type Refusal struct {
	Reason    Reason
	Text      string
	Err       error
	NotBefore time.Time
	Uncoded   bool
	ByRule    bool // a stage refuses, and not what the device reads, such as an upstream that is unavailable
}

// Refuse returns a Refusal for reason whose record reads as format and args say.
func Refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// RefuseSilent is the Refusal for an upstream that did not do what it was to do: "answer CAPA", say. err is the connection's.
func RefuseSilent(what string, err error) *Refusal {
	switch {
	case IsClosed(err):
		return Refuse(Unavailable, "the upstream closed the connection and did not %s: try again later, and look at its log if it goes on", what)
	case IsTimeout(err):
		return Refuse(Unavailable, "the upstream did not %s in time: it is slow or overloaded, raise its login_timeout if it goes on", what)
	}
	return Refuse(Unavailable, "the upstream did not %s (%s): check its address, its port and its TLS settings, and look at its log", what,
		Plainly(err))
}

// RefuseUngreeted is the Refusal for an upstream that did not greet, for which it has another time than for the rest. secure
// says that TLS is on already.
func RefuseUngreeted(err error, secure bool) *Refusal {
	switch {
	case IsTimeout(err) && secure:
		return Refuse(Unavailable, "the upstream did not greet in time: it is slow or overloaded, raise its dial_timeout if it goes on")
	case IsTimeout(err):
		return Refuse(Unavailable, "the upstream did not greet in time: if its port wants TLS at once (993, 995) set its tls to implicit, else "+
			"it is slow or overloaded, raise its dial_timeout if it goes on")
	}
	return RefuseSilent("greet", err)
}

// RefuseTLS is the Refusal for an upstream with which TLS could not be started. err is StartTLS's.
func RefuseTLS(err error) *Refusal {
	if errors.Is(err, ErrInjected) {
		return Refuse(Unavailable, "on the upstream's side %w", err)
	}
	return &Refusal{Reason: Unavailable, Err: err} // the upstream's own sentence
}

// RefuseNotOffered is the Refusal for an upstream that offers none of the mechanisms wanted over protocol, which people read.
func RefuseNotOffered(protocol string, wanted, offered []string) *Refusal {
	mend := "switch it on there, or give these devices another upstream"
	isToken := func(s string) bool { return strings.TrimPrefix(s, "AUTH=") == MechanismXOAUTH2 }
	if slices.ContainsFunc(offered, isToken) && !slices.ContainsFunc(wanted, isToken) {
		mend = "it takes tokens, so let the bridge log in there by oauth2 (auth), nothing needs to be changed in the device"
	}
	return Refuse(Unavailable, "the upstream does not offer %s over %s (it offers: %s): %s", strings.Join(wanted, " or "), protocol,
		cmp.Or(strings.Join(offered, " "), "nothing"), mend)
}

// Error returns the sentence for the record.
func (r *Refusal) Error() string {
	if r.Err == nil {
		return "refused"
	}
	return r.Err.Error()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Text is what a device reads for a reason, in every protocol; each adds its own response code.
func (r Reason) Text() string {
	if text, ok := texts[r]; ok {
		return text
	}
	return textUnavailable
}

// The texts of more than one reason. Clients tell a wrong password from everything else by code and words: fetchmail takes an
// -ERR before login for a wrong password unless it says "service" and "unavailable", "wait", "[IN-USE]" or "[LOGIN-DELAY]".
const textUnavailable = "Service unavailable, please wait a few minutes and try again"

// texts are what is said for the reasons that do not read as unavailable. NoTLS names the protocol's command: STARTTLS or
// STLS.
var texts = map[Reason]string{
	BadCredentials:  "Wrong name or password",
	Blocked:         "This device may no longer read mail here.",
	TooManySessions: "Too many sessions for this mailbox, please wait",
	TooManyFailures: "Too many failed logins, please wait",
	Ended:           "Too many errors or too slow, please wait and try again",
	Plaintext:       "This service is unavailable without TLS",
}

// Span prints a duration as the configuration has it: 30m, not 30m0s.
func Span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Clock prints a point in time for a sentence of the record: RFC 3339, in UTC.
func Clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
