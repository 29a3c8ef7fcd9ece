package sandbox

import (
	"strings"
)

// maxPOPCommand is Exchange Server's bound for a command line, which is why a token must come on a line of its own.
const maxPOPCommand = 512

// popDialog is a POP3 connection: the authorization state here, the transaction state in popTransaction.
type popDialog struct {
	dialog
	user string // said with USER
}

func (d *popDialog) run() {
	for !d.over {
		line, err := d.readLine()
		if err != nil {
			return
		}
		word, argument, _ := strings.Cut(line, " ")
		if len(line) > maxPOPCommand {
			d.say(popCloses)
			return
		}
		d.answer(strings.ToUpper(word), argument)
	}
}

func (d *popDialog) answer(word, argument string) {
	if !d.inState(word, argument) {
		d.refuse(popState)
		return
	}
	switch word {
	case "CAPA":
		d.say("+OK", strings.Join(d.personality().popCapabilities(d.secure), "\r\n"), ".")
	case "NOOP":
		d.say("+OK")
	case "QUIT":
		d.say(popSigningOff)
		d.over = true
	case "STLS":
		d.upgrade("+OK Begin TLS negotiation.")
	case "USER":
		d.user = argument
		d.say("+OK")
	case "PASS":
		d.logIn(Login{Mechanism: mechanismUSER, User: d.user, Password: argument})
		d.user = ""
	case "AUTH":
		d.answerAUTH(argument)
	default:
		d.refuse(popGarbage)
	}
}

// inState tells whether a command has its place before login; what nobody knows is left to the answer.
func (d *popDialog) inState(word, argument string) bool {
	switch word {
	case "STLS":
		return !d.secure && d.listener.options.STARTTLS
	case "USER":
		return d.secure && argument != ""
	case "PASS":
		return d.user != ""
	case "AUTH":
		return d.secure
	case "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET":
		return false
	}
	return true
}

// refuse answers what is out of place; too much of it ends the session.
func (d *popDialog) refuse(line string) {
	d.errors++
	if d.errors >= maxErrors {
		d.say(popCloses)
		d.over = true
		return
	}
	d.say(line)
}

// answerAUTH takes PLAIN with and without an initial response (RFC 5034) and XOAUTH2 in two lines only, as Exchange Online does.
func (d *popDialog) answerAUTH(argument string) {
	mechanism, response, hasResponse := strings.Cut(argument, " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case mechanism == mechanismXOAUTH2 && hasResponse:
		d.say(popCloses)
		d.over = true
		return
	case mechanism != mechanismXOAUTH2 && (mechanism != mechanismPLAIN || d.personality() == TCPProxy):
		d.refuse(popGarbage)
		return
	}
	if !hasResponse {
		var err error
		if response, err = d.ask("+ "); err != nil {
			d.over = true
			return
		}
	}
	d.takeSASL(mechanism, response)
}

func (d *popDialog) takeSASL(mechanism, response string) {
	login, err := parseSASL(mechanism, response)
	if err != nil {
		d.refuse(popGarbage)
		return
	}
	if d.personality() == TCPProxy && len(login.Token) > maxTCPProxyPOP3 {
		d.log(Event{Kind: LoginTried, Login: login})
		d.reject(login, popCloses, "")
		d.over = true
		return
	}
	d.logIn(login)
}

// logIn answers a login and, if it was taken, lives the session to its end.
func (d *popDialog) logIn(login Login) {
	faults := d.faults()
	verdict, ok := d.try(login, faults)
	if !ok {
		return
	}
	if answer := d.refusal(login, verdict, faults); answer != "" {
		d.reject(login, answer, verdict.why)
		return
	}
	if !verdict.mailbox.enter(POP3, d.listener.options.MaxSessions) {
		d.reject(login, badLogin(login), "too many sessions") // a guess: no line was ever seen for it
		return
	}
	defer verdict.mailbox.leave(POP3)
	d.transact(login, verdict)
}

// refusal is the answer that is not a success, or nothing. POP3's throttled line is a guess after IMAP's.
func (d *popDialog) refusal(login Login, v verdict, faults *Faults) string {
	switch {
	case faults.LoginRefusal != "":
		return faults.LoginRefusal
	case faults.Throttle == ThrottleCloses:
		d.over = true
		return "-ERR " + throttledCloses
	case faults.Throttle == ThrottleStays:
		return "-ERR " + throttledStays
	case d.personality() == TCPProxy && login.Mechanism != mechanismXOAUTH2:
		return popBadPassword
	case v.mailbox == nil || v.notConnected || faults.NotConnected:
		return badLogin(login)
	}
	return ""
}

// badLogin is the one answer to whatever is wrong with a login.
func badLogin(login Login) string {
	if login.Mechanism == mechanismXOAUTH2 {
		return popBadToken
	}
	return popBadPassword
}

func (d *popDialog) transact(login Login, v verdict) {
	d.over = true
	drop, err := openMaildrop(d.listener.exchange.memory, v.mailbox)
	if err != nil {
		d.reject(login, "-ERR Server Unavailable. 15", err.Error()) // IMAP's wording
		return
	}
	defer drop.close()
	if d.listener.options.Estimates {
		drop.estimate()
	}
	answer := popPasswordOK
	if login.Mechanism == mechanismXOAUTH2 {
		answer = popTokenOK
	}
	login.OK = true
	d.log(Event{Kind: LoginAnswered, Login: login, Text: answer})
	d.say(answer)
	// What a token's end looks like on POP3 was never seen; the session ends here with IMAP's text.
	stop := d.endAfter(v.life, "-ERR Session invalidated - AccessTokenExpired")
	defer stop()
	(&popTransaction{dialog: dialog{conn: d.conn}, drop: drop}).run()
}
