package login

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// Method is one form in which an upstream is logged in to: by a SASL mechanism, or, where Password is set, by the protocol's own
// command (IMAP LOGIN, POP3 USER and PASS).
type Method struct {
	Name     string
	Client   sasl.Client
	Initial  []byte // the first response, nil where the upstream speaks first
	OneLine  bool   // the first response goes in the line of the command (RFC 4959)
	Password *PasswordLogin
}

// Forms are the forms in which the mechanisms can log in, command being the protocol's own, in the order in which they are to be
// tried: of a password first the one that the device used, since what worked directly must work bridged, and servers read the
// same name differently in different forms. wanted are the names of the mechanisms.
func Forms(mechs []sasl.Client, command string) (forms []Method, wanted []string, err error) {
	for _, m := range mechs {
		name, initial, err := m.Start()
		if err != nil {
			return nil, nil, fmt.Errorf("start SASL %s: %w", name, err)
		}
		wanted = append(wanted, name)
		own := []Method{{Name: name, Client: m, Initial: initial}}
		if initial != nil {
			own = append([]Method{{Name: name, Client: m, Initial: initial, OneLine: true}}, own...)
		}
		if p, ok := m.(*PasswordLogin); ok {
			own = append(own, Method{Name: command, Password: p}, Method{Name: "LOGIN", Client: &loginClient{PasswordLogin: p}})
			slices.SortStableFunc(own, func(a, b Method) int { return p.rank(a) - p.rank(b) })
		}
		forms = append(forms, own...)
	}
	return forms, wanted, nil
}

// rank is 0 for a form that the device used, else 1.
func (p *PasswordLogin) rank(m Method) int {
	if p.Form == m.Mechanism() {
		return 0
	}
	return 1
}

// Mechanism is what m is called on record: AUTH-LOGIN is the mechanism, LOGIN the command.
func (m Method) Mechanism() string {
	if m.Name == MechanismLogin && m.Password == nil {
		return MechanismAuthLogin
	}
	return m.Name
}

// Token reports whether it is no password that logs in.
func (m Method) Token() bool { return m.password() == nil }

// account is the name that m logs in with, empty where that cannot be told.
func (m Method) account() string {
	if p := m.password(); p != nil {
		return p.Name
	}
	return ""
}

func (m Method) password() *PasswordLogin {
	switch c := m.Client.(type) {
	case *PasswordLogin:
		return c
	case *loginClient:
		return c.PasswordLogin
	}
	return m.Password
}

// Response answers challenge n of an upstream, counted from 0, in base64. The first challenge to a command without an initial
// response asks for it, whatever its text, and so does an empty one where the upstream took no notice of what the line carried.
func (m Method) Response(n int, challenge string) string {
	if n == 0 && m.Initial != nil && (!m.OneLine || strings.TrimSpace(challenge) == "") {
		return base64.StdEncoding.EncodeToString(m.Initial)
	}
	return AnswerChallenge(m.Client, challenge)
}

// loginClient is the LOGIN mechanism, in which the server asks: name first and then password, whatever it asks in.
type loginClient struct {
	*PasswordLogin
	asked int
}

// Start implements sasl.Client.
func (c *loginClient) Start() (mech string, initial []byte, err error) {
	c.asked = 0
	return MechanismLogin, nil, nil
}

// Next implements sasl.Client.
func (c *loginClient) Next([]byte) ([]byte, error) {
	c.asked++
	switch c.asked {
	case 1:
		return []byte(c.Name), nil
	case 2:
		return []byte(c.Password.Reveal()), nil
	}
	return nil, sasl.ErrUnexpectedServerChallenge
}

// Dialog is what TryForms asks of an upstream's half. Errors are *Refusals.
type Dialog interface {
	// Allows reports whether the upstream takes m, as far as it has announced.
	Allows(m Method) bool
	// Try logs in by m. unknown says that the upstream does not know this form.
	Try(m Method) (unknown bool, err error)
	// AskAnew asks for the capabilities on this connection, remembers them, and reports whether the upstream told any.
	AskAnew() (told bool, err error)
	// Distrust takes m, which was not known, out of what is remembered of the upstream, although it is announced.
	Distrust(m Method)
}

// ErrNotOffered says that the upstream announces none of the forms.
var ErrNotOffered = errors.New("the upstream offers no form of login")

// TryForms logs in by one of forms after the other until the upstream has understood one. What it announced is asked anew once
// where it was remembered (asked is false) and does not hold: the form is not known, or refused and no longer announced. A login that
// fails otherwise forgets what was remembered.
func TryForms(d Dialog, announced *Announced, forms []Method, asked bool) error {
	t := trying{dialog: d, announced: announced, forms: slices.Clone(forms), asked: asked}
	var failed error = ErrNotOffered
	for {
		how, found := t.next()
		if !found {
			return failed
		}
		unknown, err := d.Try(how)
		if err == nil || !t.goesOn(how, unknown, err) {
			return err
		}
		failed = err
	}
}

// trying is TryForms under way.
type trying struct {
	dialog    Dialog
	announced *Announced
	forms     []Method // not tried yet
	asked     bool     // on this connection
}

// next takes the next form that is allowed. Where none is by what was remembered, the upstream is asked.
func (t *trying) next() (how Method, found bool) {
	i := slices.IndexFunc(t.forms, t.dialog.Allows)
	if i < 0 && !t.asked {
		t.asked = true
		if _, err := t.dialog.AskAnew(); err == nil {
			i = slices.IndexFunc(t.forms, t.dialog.Allows)
		}
	}
	if i < 0 {
		return Method{}, false
	}
	how = t.forms[i]
	t.forms = slices.Delete(t.forms, i, i+1)
	return how, true
}

// goesOn reports whether another form may do better than how, which was refused.
func (t *trying) goesOn(how Method, unknown bool, err error) bool {
	remembered := !t.asked
	if !unknown && !isWrong(err) {
		if remembered {
			t.announced.Store(nil)
		}
		return false
	}
	told := false
	if remembered {
		t.asked = true
		told, err = t.dialog.AskAnew()
	}
	if unknown {
		t.dialog.Distrust(how)
		return !remembered || err == nil
	}
	how.OneLine = false // it was understood
	return told && !t.dialog.Allows(how)
}

func isWrong(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Reason == BadCredentials
}
