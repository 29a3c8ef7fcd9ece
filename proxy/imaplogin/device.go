package imaplogin

import (
	"context"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// What is announced before login: a list of our own, because the upstream is not known yet. LITERAL- and not LITERAL+,
// since our bound is finite (RFC 7888, section 5).
var (
	announcedInTLS = []imap.Cap{imap.CapIMAP4rev1, imap.CapSASLIR, imap.CapLiteralMinus, imap.CapID, imap.CapIdle,
		imap.CapNamespace, imap.CapUIDPlus, imap.CapChildren, imap.CapUnselect} // and AUTH=…
	announcedInClear = []imap.Cap{imap.CapIMAP4rev1, imap.CapLiteralMinus, imap.CapID, imap.CapStartTLS, imap.CapLoginDisabled}
)

// capabilities is the list that the device may read now.
func (l *device) capabilities() string {
	if !l.conn.Secure() {
		return joinCaps(announcedInClear)
	}
	caps := slices.Clone(announcedInTLS)
	for _, mechanism := range l.conn.Mechanisms() {
		caps = append(caps, imap.AuthCap(mechanism))
	}
	return joinCaps(caps)
}

func joinCaps(caps []imap.Cap) string {
	words := make([]string, len(caps))
	for i, c := range caps {
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}

func (l *device) capability(_ context.Context, c command) (none login.Credentials, done bool, err error) {
	return none, false, l.answer(c, "OK CAPABILITY completed.", "CAPABILITY "+l.capabilities())
}

func (l *device) noop(_ context.Context, c command) (none login.Credentials, done bool, err error) {
	return none, false, l.answer(c, "OK NOOP completed.")
}

func (l *device) logout(_ context.Context, c command) (none login.Credentials, done bool, err error) {
	l.notes.LoggedOut = true
	if err := l.answer(c, "OK LOGOUT completed.", "BYE Drawbridge IMAP service signing off."); err != nil {
		return none, false, err
	}
	return none, false, login.ErrLoggedOut
}

// id notes who the device says it is (RFC 2971). What is said in clear anybody may have said.
func (l *device) id(_ context.Context, c command) (none login.Credentials, done bool, err error) {
	pairs, ok := idArguments(c.scan(l.notes.Quirk))
	if !ok {
		return none, false, l.bad(c, "ID needs a list of pairs, or NIL.")
	}
	if len(pairs) > 0 && l.conn.Secure() {
		l.notes.ClientID = pairs
	}
	return none, false, l.answer(c, "OK ID completed.", `ID ("name" "Drawbridge")`)
}

// startTLS starts TLS (RFC 9051, section 6.2.1).
func (l *device) startTLS(ctx context.Context, c command) (none login.Credentials, done bool, err error) {
	if !l.conn.CanStartTLS() {
		return none, false, l.bad(c, "TLS is active already.")
	}
	err = l.conn.StartTLS(ctx, c.tag+" OK Begin TLS negotiation now.\r\n")
	l.notes.Unserved = login.Unserved{} // said in clear, by whomever
	return none, false, err
}

// login is LOGIN (RFC 9051, section 6.2.3).
func (l *device) login(_ context.Context, c command) (none login.Credentials, done bool, err error) {
	name, password, ok := loginArguments(c.scan(l.notes.Quirk))
	if ok || password != "" || c.refused {
		l.notes.Claim(name) // one word alone may as well be the password of a device that has no name
	}
	if !l.conn.Secure() {
		return none, false, l.refuseInClear(c, password != "" || l.mayHavePassword(c, ok))
	}
	if !ok {
		l.notes.Malformed(login.MechanismLogin)
		return none, false, l.bad(c, "LOGIN needs a name and a password.")
	}
	l.pending(c)
	credentials := login.Credentials{
		Account: strings.Clone(name), Password: secret.New(strings.Clone(password)),
		Mechanism: login.MechanismLogin, ClientID: l.notes.ClientID,
	}
	return credentials, true, login.CheckCredentials(credentials)
}

// mayHavePassword reports whether a LOGIN of which no password was understood brought one all the same: in words that
// cannot be read, or in a literal that did not wait although it should.
func (l *device) mayHavePassword(c command, understood bool) bool {
	if c.refused {
		return l.conn.Buffered() > 0
	}
	return !understood && len(strings.Fields(c.args)) > 1
}

// pending remembers which command the outcome of the login is to be told to. It holds no part of the line, which had
// the password in it.
func (l *device) pending(c command) {
	l.tag, l.word = strings.Clone(c.tag), strings.Clone(c.word)
}

// refuseInClear refuses a login before STARTTLS. It is a bad command, never a wrong login.
func (l *device) refuseInClear(c command, passwordCame bool) error {
	l.notes.TriedInClear(passwordCame)
	return l.reject(c, "NO "+reply(login.NoTLS, ""))
}
