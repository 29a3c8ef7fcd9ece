package sandbox

import (
	"errors"
	"strings"
)

// maxErrors is how many refused commands end a session.
const maxErrors = 10

// imapDialog is an IMAP connection up to the login.
type imapDialog struct {
	*conn
	errors int
	over   bool
}

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
		d.answerSTARTTLS(c)
	case "LOGIN":
		d.answerLOGIN(c)
	case "AUTHENTICATE":
		d.answerAUTHENTICATE(c)
	case "SELECT", "EXAMINE", "STATUS", "LIST", "LSUB", "APPEND", "FETCH", "UID", "SEARCH", "STORE", "COPY", "IDLE", "NAMESPACE", "CLOSE", "EXPUNGE":
		d.bad(c.tag, "BAD Command received in Invalid state.")
	default:
		d.bad(c.tag, "BAD Command Error. 12")
	}
}

// reply writes untagged lines and the tagged OK, in one write.
func (d *imapDialog) reply(c imapCommand, untagged ...string) {
	d.say(append(untagged, c.tag+" OK "+c.name+" completed.")...)
}

func (d *imapDialog) say(lines ...string) {
	if d.writeLine(strings.Join(lines, "\r\n")) != nil {
		d.over = true
	}
}

func (d *imapDialog) bad(tag, text string) {
	if tag == "" {
		tag = "*"
	}
	d.errors++
	if d.errors < maxErrors {
		d.say(tag + " " + text)
		return
	}
	d.say(tag+" "+text, imapTooMany)
	d.over = true
}

// answerSTARTTLS starts TLS; there is no second greeting.
func (d *imapDialog) answerSTARTTLS(c imapCommand) {
	if d.secure || !d.listener.options.STARTTLS {
		d.bad(c.tag, "BAD Command received in Invalid state.")
		return
	}
	if _, err := d.Write([]byte(c.tag + " OK Begin TLS negotiation now.\r\n" + d.faults().InjectAfterSTARTTLS)); err != nil {
		d.over = true
		return
	}
	d.over = d.startTLS() != nil
}

func (d *imapDialog) answerLOGIN(c imapCommand) {
	if !d.secure {
		d.bad(c.tag, "BAD Command received in Invalid state.")
		return
	}
	if len(c.arguments) != 2 {
		d.bad(c.tag, "BAD Command Argument Error. 11")
		return
	}
	d.logIn(c, Login{Mechanism: mechanismLOGIN, User: c.arguments[0], Password: c.arguments[1]})
}

func (d *imapDialog) answerAUTHENTICATE(c imapCommand) {
	if !d.secure {
		d.bad(c.tag, "BAD Command received in Invalid state.")
		return
	}
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
	if err := d.writeLine(d.personality().imapContinuation()); err != nil {
		return "", err
	}
	return d.readLine()
}

// logIn answers a login and, if it was taken, lives the session to its end.
func (d *imapDialog) logIn(c imapCommand, login Login) {
	d.log(Event{Kind: LoginTried, Login: login})
	faults := d.faults()
	if !wait(d.ctx, faults.SlowLogin) {
		d.over = true
		return
	}
	verdict := d.listener.judge(login)
	if answer, ends := d.refusal(c, login, verdict, faults); answer != "" {
		d.log(Event{Kind: LoginAnswered, Login: login, Text: answer, Why: verdict.why})
		d.say(answer)
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
