package sandbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxErrors is how many refused commands end a session.
const maxErrors = 10

// The SASL mechanisms, and the two logins that are none.
const (
	mechanismLOGIN   = "LOGIN"
	mechanismPLAIN   = "PLAIN"
	mechanismXOAUTH2 = "XOAUTH2"
	mechanismUSER    = "USER"
)

// dialog is what IMAP and POP3 have in common while the stand-in speaks them itself.
type dialog struct {
	*conn
	errors int
	over   bool // nothing more is read
}

// say writes lines in one write.
func (d *dialog) say(lines ...string) {
	if d.writeLine(strings.Join(lines, "\r\n")) != nil {
		d.over = true
	}
}

// ask returns what the peer says to a prompt.
func (d *dialog) ask(prompt string) (string, error) {
	if err := d.writeLine(prompt); err != nil {
		return "", err
	}
	return d.readLine()
}

// upgrade agrees to STARTTLS or STLS and shakes hands.
func (d *dialog) upgrade(agreed string) {
	if _, err := d.Write([]byte(agreed + "\r\n" + d.faults().InjectAfterSTARTTLS)); err != nil {
		d.over = true
		return
	}
	d.over = d.startTLS() != nil
}

// try decides about a login, as slowly as the faults want it; false: the connection was closed meanwhile. It is logged before it is
// decided about, so that a test finds what was tried behind an answer that never came.
func (d *dialog) try(login Login, faults *Faults) (verdict, bool) {
	d.log(Event{Kind: LoginTried, Login: login})
	if !wait(d.ctx, faults.SlowLogin) {
		d.over = true
		return verdict{}, false
	}
	return d.listener.judge(login), true
}

// reject logs the answer before it is said, so that whoever reads it finds it in the log.
func (d *dialog) reject(login Login, answer, why string) {
	d.log(Event{Kind: LoginAnswered, Login: login, Text: answer, Why: why})
	d.say(answer)
}

// parseSASL takes a client's one response, still in base64, apart: PLAIN by RFC 4616, XOAUTH2 as Microsoft documents it.
func parseSASL(mechanism, response string) (Login, error) {
	raw, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return Login{}, fmt.Errorf("decode the response: %w", err)
	}
	switch mechanism {
	case mechanismPLAIN:
		return parsePlain(string(raw))
	case mechanismXOAUTH2:
		return parseXOAUTH2(string(raw))
	}
	return Login{}, errors.New("mechanism not offered")
}

func parsePlain(raw string) (Login, error) {
	parts := strings.Split(raw, "\x00")
	if len(parts) != 3 || parts[1] == "" {
		return Login{}, errors.New("PLAIN needs three parts with a name in the second")
	}
	return Login{Mechanism: mechanismPLAIN, User: parts[1], Password: parts[2]}, nil
}

func parseXOAUTH2(raw string) (Login, error) {
	rest, isUser := strings.CutPrefix(raw, "user=")
	user, rest, isSplit := strings.Cut(rest, "\x01auth=Bearer ")
	token, isEnded := strings.CutSuffix(rest, "\x01\x01")
	if !isUser || !isSplit || !isEnded {
		return Login{}, errors.New("XOAUTH2 needs user=, auth=Bearer and two bytes 0x01 at its end")
	}
	return Login{Mechanism: mechanismXOAUTH2, User: user, Token: token}, nil
}
