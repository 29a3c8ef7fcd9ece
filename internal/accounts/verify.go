package accounts

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/passwordmemory"
	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// refusalDelay is how long after any wait a wrong login is told, whatever was wrong with it.
const refusalDelay = time.Second

// Attempt is what a device presented.
type Attempt struct {
	Login    string // as typed
	Password secret.Secret
	Source   netip.Addr
	Protocol string    // one of protocol.Names
	Now      time.Time // zero: the time of the call
}

// Identity is who a device is.
type Identity struct {
	Account string // the login in its listed form, or where a pattern let it in as typed; lower case
	Mailbox string // may be no address where the account has none and the login is none
	Pattern string // the pattern that let the login in; empty: it is listed
	// Checked says that the password was checked here. It is false only for an account without one, whose password
	// Entra ID must check: no token that opens any mailbox may serve such an Identity.
	Checked      bool
	PasswordName string
	Remembered   bool // the password was known to be right, so that nothing was computed
}

// Entry is the login or the pattern of the list that let the device in.
func (id Identity) Entry() string { return cmp.Or(id.Pattern, id.Account) }

// Verify checks a login. What is wrong with it makes one *login.Refusal, BadCredentials, after the same work and not to
// be told before the same time; only its Err says what it was. At most one check a CPU runs at once, and sources take
// turns: until then Verify waits, as long as ctx lasts, whose error it then gives; when too many wait already the Refusal
// is Unavailable. A password that was right in the last 24 hours needs no turn.
func (b *Book) Verify(ctx context.Context, a Attempt) (Identity, error) {
	if a.Now.IsZero() {
		a.Now = time.Now()
	}
	f := b.find(a.Login)
	if f.entry == nil {
		b.unknown.Note(a.Login, a.Source, a.Protocol, a.Now)
		return b.check(ctx, a, f, f.unknown())
	}
	no := f.entry.bar(&a)
	if no.what == "" {
		if f.entry.lock == nil {
			return f.identity(), nil
		}
		if id, ok := b.remembered(&a, f); ok {
			return id, nil
		}
	}
	return b.check(ctx, a, f, no)
}

// remembered answers for a password that was right lately. It is asked only where nothing else bars the login: else the
// time of an answer would tell a right password from a wrong one.
func (b *Book) remembered(a *Attempt, f found) (Identity, bool) {
	l := f.entry.lock
	key, ok := b.checker.memory.Recall(b.digest(a, l), a.Now)
	if !ok {
		return Identity{}, false
	}
	i := slices.Index(l.keys, key) // no longer there once the password is revoked
	if i < 0 {
		return Identity{}, false
	}
	id := f.identity()
	id.Checked, id.PasswordName, id.Remembered = true, l.names[i], true
	return id, true
}

// digest stands for a password together with the lock it is tried on.
func (b *Book) digest(a *Attempt, l *lock) passwordmemory.Digest {
	return b.checker.hasher.Sum(l.binding, a.Password.Reveal())
}

// check waits for its turn and does the work of one argon2id check, whatever it is for.
func (b *Book) check(ctx context.Context, a Attempt, f found, no bar) (Identity, error) {
	leave, err := b.checker.enter(ctx, a.Source, a.Login)
	if err != nil {
		return Identity{}, err
	}
	defer leave()
	begun := time.Now()
	l := b.dummy
	if f.entry != nil && f.entry.lock != nil {
		l = f.entry.lock
	}
	if no.what == "" {
		if id, ok := b.remembered(&a, f); ok { // checked while this one waited
			return id, nil
		}
	}
	i := l.open(a.Password)
	if no.what == "" && i >= 0 {
		b.checker.memory.Remember(b.digest(&a, l), l.keys[i], a.Now)
		id := f.identity()
		id.Checked, id.PasswordName = true, l.names[i]
		return id, nil
	}
	r := login.Refuse(login.BadCredentials, "%s", no.reason(f, i >= 0))
	r.NotBefore = begun.Add(refusalDelay)
	return Identity{}, r
}

func (f found) identity() Identity {
	id := Identity{Account: f.account, Mailbox: f.mailbox}
	if f.entry.account.IsPattern() {
		id.Pattern = f.entry.account.Login
	}
	return id
}

// bar is why an account may not log in whatever the password, and what to do about it. Without what there is none.
type bar struct{ what, mend string }

// unknown says that nobody is known by that name. It does not repeat the name: strangers would make a new reason of each
// session, and the record has it anyway.
func (f found) unknown() bar {
	if f.near != nil {
		return bar{"the login fits the pattern " + f.near.account.Login + ", but its mailboxes do not list it",
			"add it there, or correct the device"}
	}
	return bar{"no account has this login", "add it (`drawbridge account list --unknown` has the line), or correct the device"}
}

// bar checks all but the password.
func (e *entry) bar(a *Attempt) bar {
	c := &e.account
	switch {
	case c.Disabled:
		return bar{"the account " + c.Login + " is disabled", "enable it, or retire the device"}
	case !c.Expires.IsZero() && !a.Now.Before(c.Expires):
		return bar{"the account " + c.Login + " expired on " + c.Expires.Format(time.RFC3339), "give it a later date, or retire the device"}
	case !c.allowsSource(a.Source):
		return bar{"the account " + c.Login + " may not log in from this address", "add it to the account's sources, or find out who tries"}
	case !c.allowsProtocol(a.Protocol):
		return bar{"the account " + c.Login + " may not log in by " + strings.ToUpper(a.Protocol),
			"add it to the account's protocols, or correct the device"}
	}
	return bar{}
}

// reason is the sentence for the record; right says whether the password was.
func (n bar) reason(f found, right bool) string {
	switch {
	case f.entry == nil || n.what != "" && f.entry.lock == nil:
		return n.what + ": " + n.mend
	case n.what == "":
		return "wrong password for the account " + f.entry.account.Login + ": correct it on the device, or give the account a new one"
	case right:
		return n.what + " (the password was right): " + n.mend
	}
	return n.what + " (the password was wrong too): " + n.mend
}

func (a *Account) allowsSource(source netip.Addr) bool {
	source = source.Unmap().WithZone("")
	within := func(p netip.Prefix) bool { return p.Contains(source) }
	return a.Sources == nil || slices.ContainsFunc(a.Sources, within)
}

func (a *Account) allowsProtocol(protocol string) bool {
	return a.Protocols == nil || slices.Contains(a.Protocols, protocol)
}
