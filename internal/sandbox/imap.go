package sandbox

import (
	"cmp"
	"errors"
	"strings"
)

// imapDialog is an IMAP connection up to the login.
type imapDialog struct{ dialog }

func (d *imapDialog) run() {
	for !d.over {
		command, err := d.readCommand()
		switch {
		case errors.Is(err, errSyntax):
			d.bad(command.tag, "BAD Command Error. 12")
		case err != nil:
			return
		default:
			d.answer(command)
		}
	}
}

func (d *imapDialog) answer(c imapCommand) {
	if !d.inState(c.name) {
		d.bad(c.tag, "BAD Command received in Invalid state.")
		return
	}
	switch c.name {
	case "CAPABILITY":
		d.reply(c, d.personality().imapCapabilities(d.secure))
	case "ID":
		d.reply(c, imapID)
	case "NOOP":
		d.reply(c)
	case "LOGOUT":
		d.reply(c, imapSigningOff)
		d.over = true
	case "STARTTLS":
		d.upgrade(c.tag + " OK Begin TLS negotiation now.") // no second greeting follows
	case "LOGIN":
		d.answerLOGIN(c)
	case "AUTHENTICATE":
		d.answerAUTHENTICATE(c)
	default:
		d.bad(c.tag, "BAD Command Error. 12")
	}
}

// inState tells whether a command has its place before login; what nobody knows is left to the answer.
func (d *imapDialog) inState(name string) bool {
	switch name {
	case "STARTTLS":
		return !d.secure && d.listener.options.STARTTLS
	case "LOGIN", "AUTHENTICATE":
		return d.secure
	case "SELECT", "EXAMINE", "STATUS", "LIST", "LSUB", "APPEND", "FETCH", "UID", "SEARCH", "STORE", "COPY", "IDLE", "NAMESPACE",
		"CLOSE", "EXPUNGE":
		return false
	}
	return true
}

// reply writes untagged lines and the tagged OK, in one write.
func (d *imapDialog) reply(c imapCommand, untagged ...string) {
	d.say(append(untagged, c.tag+" OK "+c.name+" completed.")...)
}

func (d *imapDialog) bad(tag, text string) {
	tag = cmp.Or(tag, "*")
	d.errors++
	if d.errors < maxErrors {
		d.say(tag + " " + text)
		return
	}
	d.say(tag+" "+text, imapTooMany)
	d.over = true
}

func (d *imapDialog) answerLOGIN(c imapCommand) {
	if len(c.arguments) != 2 {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	d.logIn(c, Login{Mechanism: mechanismLOGIN, User: c.arguments[0], Password: c.arguments[1]})
}

func (d *imapDialog) answerAUTHENTICATE(c imapCommand) {
	response, err := d.saslResponse(c)
	if err != nil {
		d.over = true
		return
	}
	if response == "*" {
		d.say(c.tag + " NO AUTHENTICATE failed.")
		return
	}
	if len(c.arguments) == 0 {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	login, err := parseSASL(strings.ToUpper(c.arguments[0]), response)
	if err != nil {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	d.logIn(c, login)
}

// saslResponse returns the initial response or asks for one (RFC 4959).
func (d *imapDialog) saslResponse(c imapCommand) (string, error) {
	if len(c.arguments) != 1 {
		return strings.Join(c.arguments[min(1, len(c.arguments)):], " "), nil
	}
	return d.ask(d.personality().imapContinuation())
}

// logIn answers a login and, if it was taken, lives the session to its end.
func (d *imapDialog) logIn(c imapCommand, login Login) {
	faults := d.faults()
	verdict, ok := d.try(login, faults)
	if !ok {
		return
	}
	if answer, ends := d.refusal(c, login, verdict, faults); answer != "" {
		d.reject(login, answer, verdict.why)
		d.over = ends
		return
	}
	d.enter(c, login, verdict)
}

// refusal is the whole answer that is not a success, or nothing; and whether the connection ends with it.
func (d *imapDialog) refusal(c imapCommand, login Login, v verdict, faults *Faults) (answer string, ends bool) {
	switch {
	case strings.HasPrefix(faults.LoginRefusal, "* "):
		return faults.LoginRefusal, true
	case faults.LoginRefusal != "":
		return c.tag + " " + faults.LoginRefusal, false
	case faults.Throttle == ThrottleCloses:
		return c.tag + " BAD " + throttledCloses + "\r\n" + imapTooMany, true
	case faults.Throttle == ThrottleStays:
		return c.tag + " NO " + throttledStays, false
	case d.personality() == TCPProxy && login.Mechanism != mechanismXOAUTH2:
		return c.tag + " NO Basic authentication is disabled.\r\n" + imapSigningOff, true
	case v.mailbox == nil:
		return c.tag + " NO " + c.name + " failed.", false
	}
	return "", false
}

func (d *imapDialog) enter(c imapCommand, login Login, verdict verdict) {
	d.over = true
	entered := verdict.mailbox.enter(IMAP, d.listener.options.MaxSessions)
	if entered {
		defer verdict.mailbox.leave(IMAP)
	}
	login.OK = true
	d.log(Event{Kind: LoginAnswered, Login: login, Text: "OK " + c.name + " completed.", Why: verdict.why})
	if d.writeLine(c.tag+" OK "+c.name+" completed.") != nil {
		return
	}
	if !entered || verdict.notConnected || d.faults().NotConnected {
		d.runNotConnected()
		return
	}
	stop := d.endAfter(verdict.life, imapExpired)
	defer stop()
	d.listener.exchange.memory.serve(verdict.mailbox, newIMAPSession(d.conn))
}

// runNotConnected is a session whose login was told OK and whose mailbox is not open.
func (d *imapDialog) runNotConnected() {
	for refused := 0; refused < 2; {
		c, err := d.readCommand()
		if err != nil {
			return
		}
		d.log(Event{Kind: Command, Text: c.tag + " " + c.name})
		switch c.name {
		case "CAPABILITY":
			d.reply(c, d.personality().imapCapabilitiesAfterLogin())
		case "NOOP":
			d.reply(c)
		case "LOGOUT":
			d.reply(c, imapSigningOff)
			return
		default:
			refused++
			d.say(c.tag + " BAD User is authenticated but not connected.")
		}
	}
	d.say(imapTooMany)
}
