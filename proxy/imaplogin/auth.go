package imaplogin

import (
	"context"
	"errors"
	"strings"

	"drawbridge/proxy"
)

// authenticate is AUTHENTICATE (RFC 9051, section 6.2.2), with an initial response or without (RFC 4959).
func (l *login) authenticate(_ context.Context, c command) (credentials proxy.Credentials, done bool, err error) {
	words := strings.Fields(c.args)
	if !l.device.Secure() {
		return credentials, false, l.refuseInClear(c, l.passwordIn(words))
	}
	if len(words) == 0 || len(words) > 2 || len(c.literals) > 0 {
		return credentials, false, l.bad(c, "AUTHENTICATE needs a mechanism.")
	}
	if c.args != " "+strings.Join(words, " ") {
		l.notes.Quirk(proxy.QuirkExtraSpaces)
	}
	mechanism, initial := strings.ToUpper(words[0]), words[1:]
	l.pending(c)
	credentials, err = l.device.ExchangeSASL(mechanism, initial...)
	switch {
	case errors.Is(err, proxy.ErrUnknownMechanism):
		return proxy.Credentials{}, false, l.bad(c, "This mechanism is not offered.")
	case errors.Is(err, proxy.ErrMalformed):
		return proxy.Credentials{}, false, l.bad(c, "The response cannot be read.")
	}
	credentials.ClientID = l.notes.ClientID
	return credentials, err == nil, err
}

// passwordIn reports whether an AUTHENTICATE in clear text has a password or token in its initial response, and notes the
// name that it claims. What cannot be read may well be one.
func (l *login) passwordIn(words []string) bool {
	if len(words) < 2 {
		return false
	}
	read, reveals := revealing[strings.ToUpper(words[0])]
	if !reveals {
		return false
	}
	message, err := proxy.DecodeSASL(words[1])
	if err != nil {
		return true
	}
	c, err := read(message)
	l.claim(c.Account)
	return !c.Password.Empty() || errors.Is(err, proxy.ErrMalformed) && len(message) > 0
}

// revealing are the mechanisms whose first message has the secret in it.
var revealing = map[string]func([]byte) (proxy.Credentials, error){
	proxy.MechanismPlain:   proxy.PlainCredentials,
	proxy.MechanismXOAUTH2: proxy.TokenCredentials,
}
