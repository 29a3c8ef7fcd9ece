package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// tryAdvice is what a failure means to the two who meet it.
type tryAdvice struct {
	shows string // what the device would show
	mend  string // what the administrator does
}

// The words of devices, as far as they agree.
const (
	showsNoConnection = "that the server cannot be reached"
	showsNoSecurity   = "a TLS, SSL or security error, many only that the connection failed"
	showsPassword     = "that the name or password is wrong; many then stop asking until somebody types it again"
	showsLater        = "that the server is busy, or nothing: it asks again by itself at its next poll"
)

const seeRecord = "the session's record in the bridge's log says why (reason)"

// advise is pure: it looks at the failure and at what was played.
func (t *trial) advise(f tryFailure) tryAdvice {
	var alert tryAlert
	var answer *tryAnswer
	switch {
	case errors.As(f.err, &alert):
		return t.adviseAlert(alert)
	case errors.As(f.err, &answer):
		return adviseAnswer(f.step, answer.line)
	case errors.Is(f.err, errServed):
		return tryAdvice{"nothing yet: its handshake goes on", "play a device that can be played to its end, such as --as " + defaultProfile}
	case errors.Is(f.err, context.Canceled):
		return tryAdvice{mend: "it was interrupted"}
	case f.step == "connect":
		return t.adviseConnect(f.err)
	case errors.Is(f.err, os.ErrDeadlineExceeded), errors.Is(f.err, context.DeadlineExceeded):
		return tryAdvice{showsLater, "the bridge did not answer in time: see its log, and whether the machine is overloaded"}
	case isClosed(f.err):
		return t.adviseClosed(f.step)
	case f.step == "handshake":
		return tryAdvice{showsNoSecurity, "the handshake broke on the device's side; GODEBUG or GOFIPS140 in the environment may forbid what " + t.profile.name + " needs: unset them"}
	}
	return tryAdvice{showsLater, seeRecord}
}

func (t *trial) adviseConnect(err error) tryAdvice {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tryAdvice{showsNoConnection, fmt.Sprintf("nothing listens on %s: start the bridge with drawbridge serve, or name its configuration with --config", t.address)}
	}
	return tryAdvice{showsNoConnection, fmt.Sprintf("%s cannot be reached from here: look at the address of listener %s and at this machine's firewall", t.address, t.listener.Name)}
}

// adviseAlert goes by the alerts of RFC 5246, section 7.2, that the bridge sends.
func (t *trial) adviseAlert(alert tryAlert) tryAdvice {
	l := t.listener
	a := tryAdvice{shows: showsNoSecurity}
	switch {
	case t.profile.hello != nil && (alert == 40 || alert == 70):
		a.mend = "a device that offers nothing above SSL 3.0 is not served: switch TLS 1.0 on in it, bring its firmware up to date, or replace it"
	case alert == 40:
		a.mend = fmt.Sprintf("listener %s has no cipher suite in common with it: set listeners[].ciphers to legacy, which has all that there are", l.Name)
	case alert == 70:
		a.mend = fmt.Sprintf("listener %s takes TLS %s and newer: lower listeners[].min_version, or give the device a newer TLS", l.Name, l.MinVersion)
	case alert == 80:
		a.mend = fmt.Sprintf("listener %s is at a limit (listeners[].limits.sessions or sessions_per_source), or this source is refused for its failed logins: see the bridge's log", l.Name)
	default:
		a.mend = seeRecord
	}
	return a
}

func (t *trial) adviseClosed(step string) tryAdvice {
	first := "greeting"
	if t.listener.TLS == "implicit" {
		first = "handshake"
	}
	if step == first {
		return tryAdvice{showsNoConnection, fmt.Sprintf("listener %s hangs up on sources outside listeners[].allow, and on load balancers (proxy_protocol) that send no PROXY header: "+
			"this machine's address must be in the first and not in the second to try it", t.listener.Name)}
	}
	return tryAdvice{showsLater, "the bridge hung up: " + seeRecord}
}

// answerAdvice tells an answer of the bridge by a word in it; the first that matches counts.
var answerAdvice = []struct {
	words []string
	tryAdvice
}{
	{[]string{"[AUTHENTICATIONFAILED]", "[AUTH]"}, tryAdvice{showsPassword,
		"compare the account's name, password, protocols, expiry and sources with the configuration and drawbridge account list (drawbridge try comes from this machine's address, which sources may leave out); " + seeRecord}},
	{[]string{"failed logins", "[LOGIN-DELAY]"}, tryAdvice{showsLater,
		"wait 15 minutes and stop what tries the wrong password: this source and login failed too often"}},
	{[]string{"[LIMIT]", "[IN-USE]"}, tryAdvice{showsLater,
		"too many sessions have this mailbox open: close some, or raise upstreams.*.limits.sessions_per_mailbox"}},
	{[]string{"[CONTACTADMIN]", "[SYS/PERM]"}, tryAdvice{"the bridge's text, or that it may not log in",
		"a rule blocks this device (stage: block): change rules, or replace the device"}},
	{[]string{"[PRIVACYREQUIRED]", "STLS first", "STARTTLS first"}, tryAdvice{showsPassword,
		"switch STARTTLS on in the device, or use a listener with implicit TLS"}},
	{[]string{"too slow"}, tryAdvice{showsLater, seeRecord}},
	{[]string{"without TLS"}, tryAdvice{showsNoSecurity, "switch TLS on in the device"}},
}

// adviseAnswer is what a refusal in the mail protocol means at a step.
func adviseAnswer(step, line string) tryAdvice {
	for _, a := range answerAdvice {
		if slices.ContainsFunc(a.words, func(w string) bool { return strings.Contains(line, w) }) {
			return a.tryAdvice
		}
	}
	switch step {
	case "greeting":
		return tryAdvice{showsLater, "the bridge is stopping, at a limit, or refuses this source for its failed logins: see its log"}
	case "login":
		return tryAdvice{showsLater, "the bridge could not get into the mailbox: " + seeRecord + ", drawbridge doctor checks the way there"}
	case "message":
		return tryAdvice{"that the mailbox cannot be read", "the upstream refused a command after the login: drawbridge doctor checks the mailbox"}
	}
	return tryAdvice{showsLater, seeRecord}
}

// isClosed reports whether the bridge ended the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
