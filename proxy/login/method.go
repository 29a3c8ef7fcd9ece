package login

import (
	"fmt"

	"github.com/emersion/go-sasl"
)

// Method is how an upstream is logged in to: by a SASL mechanism, or, where Password is set, by the protocol's own command
// (IMAP LOGIN, POP3 USER and PASS). Its zero value is no way.
type Method struct {
	Name     string
	Client   sasl.Client
	Initial  []byte // the first response
	Password *PasswordLogin
}

// ChooseMethod returns the first of mechs that the upstream announces, or else its own command, named command, for the first
// password, where that is announced. wanted are the mechanisms that were looked for; without a way the Method has no Name.
func ChooseMethod(mechs []sasl.Client, command string, announced func(Method) bool) (how Method, wanted []string, err error) {
	for _, m := range mechs {
		name, initial, err := m.Start()
		if err != nil {
			return Method{}, nil, fmt.Errorf("start SASL %s: %w", name, err)
		}
		if how := (Method{Name: name, Client: m, Initial: initial}); announced(how) {
			return how, nil, nil
		}
		wanted = append(wanted, name)
	}
	for _, m := range mechs {
		p, ok := m.(*PasswordLogin)
		if how := (Method{Name: command, Password: p}); ok && announced(how) {
			return how, nil, nil
		}
	}
	return Method{}, wanted, nil
}

// Token reports whether it is no password that logs in.
func (m Method) Token() bool {
	_, password := m.Client.(*PasswordLogin)
	return m.Password == nil && !password
}
