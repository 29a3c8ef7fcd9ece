package pop3login

import (
	"context"
	"errors"
	"strings"

	"drawbridge/internal/secret"
	"drawbridge/proxy"
)

// What is announced before the upstream is known. UIDL and TOP are what every server has that a device may meet.
const (
	capaTLS   = "+OK\r\nTOP\r\nUIDL\r\nUSER\r\nSASL PLAIN LOGIN XOAUTH2\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n.\r\n"
	capaPlain = "+OK\r\nTOP\r\nUIDL\r\nSTLS\r\nRESP-CODES\r\n.\r\n"
	// authList answers AUTH alone, as old Outlooks ask for it (RFC 1734 had no such form).
	authList = "+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\n.\r\n"
)

func (l *login) capa(context.Context, string) (c proxy.Credentials, done bool, err error) {
	if l.device.Secure() {
		return c, false, l.device.WriteString(capaTLS)
	}
	return c, false, l.device.WriteString(capaPlain)
}

func (l *login) noop(context.Context, string) (c proxy.Credentials, done bool, err error) {
	return c, false, l.say("+OK")
}

func (l *login) quit(context.Context, string) (c proxy.Credentials, done bool, err error) {
	l.notes.LoggedOut = true
	if err := l.say("+OK Drawbridge POP3 service signing off."); err != nil {
		return c, false, err
	}
	return c, false, proxy.ErrLoggedOut
}

// stls starts TLS (RFC 2595, section 4). What was said before is forgotten.
func (l *login) stls(ctx context.Context, _ string) (c proxy.Credentials, done bool, err error) {
	if !l.device.CanStartTLS() {
		return c, false, l.bad("TLS is active already.")
	}
	l.user = ""
	return c, false, l.device.StartTLS(ctx, "+OK Begin TLS negotiation.\r\n")
}

func (l *login) userName(_ context.Context, args string) (c proxy.Credentials, done bool, err error) {
	name := strings.TrimSpace(args)
	l.claim(name)
	if !l.device.Secure() {
		return c, false, l.refuseInClear(false)
	}
	if name == "" {
		return c, false, l.bad("USER needs a name.")
	}
	l.user = name
	return c, false, l.say("+OK")
}

// pass takes all behind the first space as the password, which may have spaces of its own (RFC 1939, section 7).
func (l *login) pass(_ context.Context, args string) (c proxy.Credentials, done bool, err error) {
	if !l.device.Secure() {
		return c, false, l.refuseInClear(true)
	}
	if l.user == "" {
		return c, false, l.bad("USER comes first.")
	}
	if strings.Contains(args, " ") {
		l.notes.Quirk(proxy.QuirkSpaceInPassword)
	}
	c = proxy.Credentials{Account: l.user, Password: secret.New(args), Mechanism: proxy.MechanismUser}
	l.user = ""
	return c, true, proxy.CheckCredentials(c)
}

// auth is AUTH with a mechanism (RFC 5034, section 4), or without one: then the mechanisms are listed.
func (l *login) auth(_ context.Context, args string) (c proxy.Credentials, done bool, err error) {
	fields := strings.Fields(args)
	if len(fields) == 0 {
		if l.device.Secure() {
			return c, false, l.device.WriteString(authList)
		}
		return c, false, l.say("-ERR " + words[proxy.NoTLS]) // it only asked
	}
	if !l.device.Secure() {
		return c, false, l.refuseInClear(len(fields) > 1)
	}
	c, err = l.device.ExchangeSASL(fields[0], fields[1:]...)
	switch {
	case errors.Is(err, proxy.ErrUnknownMechanism):
		return proxy.Credentials{}, false, l.bad("This mechanism is not offered.")
	case errors.Is(err, proxy.ErrMalformed):
		return proxy.Credentials{}, false, l.bad("The response cannot be read.")
	}
	return c, err == nil, err
}

// claim notes the name that a device says is its own.
func (l *login) claim(name string) {
	if name != "" {
		l.notes.ClaimedAccount = name
	}
}

// refuseInClear refuses a login before STLS. It is a bad command, never a wrong login.
func (l *login) refuseInClear(passwordCame bool) error {
	l.notes.LoginInClear = true
	if passwordCame {
		l.notes.PasswordClear = true
		l.notes.Quirk(proxy.QuirkPasswordInClear)
	}
	return l.bad("Use STLS first")
}
