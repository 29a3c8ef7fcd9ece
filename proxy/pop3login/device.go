package pop3login

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// What is announced before the upstream is known. UIDL and TOP are what every server has that a device may meet.
const (
	capaTLS   = "+OK\r\nTOP\r\nUIDL\r\nUSER\r\nSASL %s\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n.\r\n"
	capaPlain = "+OK\r\nTOP\r\nUIDL\r\nSTLS\r\nRESP-CODES\r\n.\r\n"
	// authList answers AUTH alone, as old Outlooks ask for it (RFC 1734 had no such form).
	authList = "+OK\r\n%s\r\n.\r\n"
)

func (l *device) capa(context.Context, string) (c login.Credentials, done bool, err error) {
	if l.conn.Secure() {
		return c, false, l.conn.WriteString(fmt.Sprintf(capaTLS, strings.Join(l.conn.Mechanisms(), " ")))
	}
	return c, false, l.conn.WriteString(capaPlain)
}

func (l *device) noop(context.Context, string) (c login.Credentials, done bool, err error) {
	return c, false, l.say("+OK")
}

func (l *device) quit(context.Context, string) (c login.Credentials, done bool, err error) {
	l.notes.LoggedOut = true
	if err := l.say("+OK Drawbridge POP3 service signing off."); err != nil {
		return c, false, err
	}
	return c, false, login.ErrLoggedOut
}

// stls starts TLS (RFC 2595, section 4). What was said before is forgotten.
func (l *device) stls(ctx context.Context, _ string) (c login.Credentials, done bool, err error) {
	if !l.conn.CanStartTLS() {
		return c, false, l.bad("TLS is active already.")
	}
	l.user = ""
	err = l.conn.StartTLS(ctx, "+OK Begin TLS negotiation.\r\n")
	l.notes.Unserved = login.Unserved{} // said in clear, by whomever
	return c, false, err
}

func (l *device) userName(_ context.Context, args string) (c login.Credentials, done bool, err error) {
	name := strings.TrimSpace(args)
	l.notes.Claim(name)
	if !l.conn.Secure() {
		return c, false, l.refuseInClear(false)
	}
	if name == "" {
		l.notes.Malformed(login.MechanismUser)
		return c, false, l.bad("USER needs a name.")
	}
	l.user = name
	return c, false, l.say("+OK")
}

// pass takes all behind the first space as the password, which may have spaces of its own (RFC 1939, section 7).
func (l *device) pass(_ context.Context, args string) (c login.Credentials, done bool, err error) {
	if !l.conn.Secure() {
		return c, false, l.refuseInClear(true)
	}
	if l.user == "" {
		l.notes.Malformed(login.MechanismUser)
		return c, false, l.bad("USER comes first.")
	}
	if strings.Contains(args, " ") {
		l.notes.Quirk(login.QuirkSpaceInPassword)
	}
	c = login.Credentials{Account: l.user, Password: secret.New(args), Mechanism: login.MechanismUser}
	l.user = ""
	return c, true, login.CheckCredentials(c)
}

// auth is AUTH with a mechanism (RFC 5034, section 4), or without one: then the mechanisms are listed.
func (l *device) auth(_ context.Context, args string) (c login.Credentials, done bool, err error) {
	fields := strings.Fields(args)
	if len(fields) == 0 {
		if l.conn.Secure() {
			return c, false, l.conn.WriteString(fmt.Sprintf(authList, strings.Join(l.conn.Mechanisms(), "\r\n")))
		}
		return c, false, l.say("-ERR " + useSTLS) // it only asked
	}
	if !l.conn.Secure() {
		l.notes.NotOffered(fields[0])
		return c, false, l.refuseInClear(len(fields) > 1)
	}
	c, err = l.conn.ServeSASL(fields[0], fields[1:]...)
	switch {
	case errors.Is(err, login.ErrUnknownMechanism):
		return login.Credentials{}, false, l.bad("This mechanism is not offered.")
	case errors.Is(err, login.ErrMalformed):
		return login.Credentials{}, false, l.bad("The response cannot be read.")
	}
	return c, err == nil, err
}

// apop notes who tried to log in by APOP (RFC 1939, section 7), which no greeting of ours offers.
func (l *device) apop(args string) error {
	name, _, _ := strings.Cut(strings.TrimSpace(args), " ")
	l.notes.Claim(name)
	l.notes.NotOffered(login.MechanismAPOP)
	if !l.conn.Secure() {
		return l.refuseInClear(false)
	}
	return l.bad(notValid)
}

// notValid answers what is no command here.
const notValid = "Command is not valid in this state."

// refuseInClear refuses a login before STLS. It is a bad command, never a wrong login.
func (l *device) refuseInClear(passwordCame bool) error {
	l.notes.TriedInClear(passwordCame)
	return l.bad(useSTLS)
}
