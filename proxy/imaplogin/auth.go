package imaplogin

import (
	"context"
	"errors"
	"strings"

	"drawbridge/proxy/login"
)

// authenticate is AUTHENTICATE (RFC 9051, section 6.2.2), with an initial response or without (RFC 4959).
func (l *device) authenticate(_ context.Context, c command) (credentials login.Credentials, done bool, err error) {
	words := strings.Fields(c.args)
	if len(words) > 0 {
		l.notes.NotOffered(words[0])
	}
	if !l.conn.Secure() {
		return credentials, false, l.refuseInClear(c, l.passwordIn(words))
	}
	if len(words) == 0 || len(words) > 2 || len(c.literals) > 0 {
		return credentials, false, l.bad(c, "AUTHENTICATE needs a mechanism.")
	}
	if c.args != " "+strings.Join(words, " ") {
		l.notes.Quirk(login.QuirkExtraSpaces)
	}
	mechanism, initial := strings.ToUpper(words[0]), words[1:]
	l.pending(c)
	credentials, err = l.conn.ServeSASL(mechanism, initial...)
	switch {
	case errors.Is(err, login.ErrUnknownMechanism):
		return login.Credentials{}, false, l.bad(c, "This mechanism is not offered.")
	case errors.Is(err, login.ErrMalformed):
		return login.Credentials{}, false, l.bad(c, "The response cannot be read.")
	}
	credentials.ClientID = l.notes.ClientID
	return credentials, err == nil, err
}

// passwordIn reports whether an AUTHENTICATE in clear text has a password or token in its initial response, and notes the
// name that it claims. What cannot be read may well be one.
func (l *device) passwordIn(words []string) bool {
	if len(words) < 2 {
		return false
	}
	read, reveals := revealing[strings.ToUpper(words[0])]
	if !reveals {
		return false
	}
	message, err := login.DecodeSASL(words[1])
	if err != nil {
		return true
	}
	c, err := read(message)
	l.notes.Claim(c.Account)
	return !c.Password.Empty() || errors.Is(err, login.ErrMalformed) && len(message) > 0
}

// revealing are the mechanisms whose first message has the secret in it.
var revealing = map[string]func([]byte) (login.Credentials, error){
	login.MechanismPlain:   login.PlainCredentials,
	login.MechanismXOAUTH2: login.TokenCredentials,
}
