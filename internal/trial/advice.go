package trial

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

// advice is what a failure means to the two who meet it.
type advice struct {
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
func (d *Device) advise(f failure) advice {
	var sent alert
	var refusal *answer
	switch {
	case errors.As(f.err, &sent):
		return d.adviseAlert(sent)
	case errors.As(f.err, &refusal):
		return adviseAnswer(f.step, refusal.line)
	case errors.Is(f.err, errServed):
		return advice{"nothing yet: its handshake goes on", "play a device that can be played to its end, such as --as " + DefaultProfile}
	case errors.Is(f.err, context.Canceled):
		return advice{mend: "it was interrupted"}
	case f.step == "connect":
		return d.adviseConnect(f.err)
	case errors.Is(f.err, os.ErrDeadlineExceeded), errors.Is(f.err, context.DeadlineExceeded):
		return advice{showsLater, "the bridge did not answer in time: see its log, and whether the machine is overloaded"}
	case errors.Is(f.err, io.EOF), errors.Is(f.err, io.ErrUnexpectedEOF), errors.Is(f.err, syscall.ECONNRESET),
		errors.Is(f.err, syscall.EPIPE): // the bridge ended the connection
		return d.adviseClosed(f.step)
	case f.step == "handshake":
		return advice{showsNoSecurity, "the handshake broke on the device's side; GODEBUG or GOFIPS140 in the environment may forbid what " +
			d.Profile.name + " needs: unset them"}
	}
	return advice{showsLater, seeRecord}
}

func (d *Device) adviseConnect(err error) advice {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return advice{showsNoConnection, fmt.Sprintf("nothing listens on %s: start the bridge with drawbridge serve, "+
			"or name its configuration with --config", d.Address)}
	}
	return advice{showsNoConnection, fmt.Sprintf("%s cannot be reached from here: look at the address of listener %s "+
		"and at this machine's firewall", d.Address, d.Listener.Name)}
}

// adviseAlert goes by the alerts of RFC 5246, section 7.2, that the bridge sends.
func (d *Device) adviseAlert(sent alert) advice {
	l, mend := d.Listener, seeRecord
	switch {
	case d.Profile.hello != nil && (sent == 40 || sent == 70):
		mend = "a device that offers nothing above SSL 3.0 is not served: switch TLS 1.0 on in it, bring its firmware up to date, or replace it"
	case sent == 40:
		mend = fmt.Sprintf("listener %s has no cipher suite in common with it: "+
			"set listeners[].ciphers to legacy, which has all that there are", l.Name)
	case sent == 70:
		mend = fmt.Sprintf("listener %s takes TLS %s and newer: "+
			"lower listeners[].min_version, or give the device a newer TLS", l.Name, l.MinVersion)
	case sent == 80:
		mend = fmt.Sprintf("listener %s is at a limit (listeners[].limits.sessions or sessions_per_source), "+
			"or this source is refused for its failed logins: see the bridge's log", l.Name)
	}
	return advice{showsNoSecurity, mend}
}

func (d *Device) adviseClosed(step string) advice {
	first := "greeting"
	if d.Listener.TLS == "implicit" {
		first = "handshake"
	}
	if step == first {
		return advice{showsNoConnection, fmt.Sprintf("listener %s hangs up on sources outside listeners[].allow, "+
			"and on load balancers (proxy_protocol) that send no PROXY header: this machine's address must be in the first and not in the "+
			"second to try it", d.Listener.Name)}
	}
	return advice{showsLater, "the bridge hung up: " + seeRecord}
}

// answerAdvice tells an answer of the bridge by a word in it; the first that matches counts.
var answerAdvice = []struct {
	words []string
	advice
}{
	{[]string{"[AUTHENTICATIONFAILED]", "[AUTH]"}, advice{showsPassword,
		"compare the account's name, password, protocols, expiry and sources with the configuration and drawbridge account list " +
			"(drawbridge try comes from this machine's address, which sources may leave out); " + seeRecord}},
	{[]string{"failed logins", "[LOGIN-DELAY]"}, advice{showsLater,
		"wait 15 minutes and stop what tries the wrong password: this source and login failed too often"}},
	{[]string{"[LIMIT]", "[IN-USE]"}, advice{showsLater,
		"too many sessions have this mailbox open: close some, or raise upstreams.*.limits.sessions_per_mailbox"}},
	{[]string{"[CONTACTADMIN]", "[SYS/PERM]"}, advice{"the bridge's text, or that it may not log in",
		"a rule blocks this device (stage: block): change rules, or replace the device"}},
	{[]string{"[PRIVACYREQUIRED]", "STLS first", "STARTTLS first"}, advice{showsPassword,
		"switch STARTTLS on in the device, or use a listener with implicit TLS"}},
	{[]string{"too slow"}, advice{showsLater, seeRecord}},
	{[]string{"without TLS"}, advice{showsNoSecurity, "switch TLS on in the device"}},
}

// adviseAnswer is what a refusal in the mail protocol means at a step.
func adviseAnswer(step, line string) advice {
	for _, a := range answerAdvice {
		if slices.ContainsFunc(a.words, func(w string) bool { return strings.Contains(line, w) }) {
			return a.advice
		}
	}
	switch step {
	case "greeting":
		return advice{showsLater, "the bridge is stopping, at a limit, or refuses this source for its failed logins: see its log"}
	case "login":
		return advice{showsLater, "the bridge could not get into the mailbox: " + seeRecord + ", drawbridge doctor checks the way there"}
	case "message":
		return advice{"that the mailbox cannot be read", "the upstream refused a command after the login: drawbridge doctor checks the mailbox"}
	}
	return advice{showsLater, seeRecord}
}
