package accounts

import (
	"cmp"
	"context"
	"fmt"
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

// Claim is who a device says it is, where nothing but its password is open.
type Claim struct {
	Account string // the login in its listed form, or where a pattern let it in as typed; lower case
	Mailbox string // may be no address where the account has none and the login is none
	Pattern string // the pattern that let the login in; empty: it is listed
}

// Identity is who a device is: its password was checked here. Only Verify makes one.
type Identity struct {
	Claim
	PasswordName string
	Remembered   bool // the password was known to be right, so that nothing was computed
}

// Entry is the login or the pattern of the list that lets the device in.
func (c Claim) Entry() string { return cmp.Or(c.Pattern, c.Account) }

// Verify checks a login. What is wrong with it makes one *login.Refusal, BadCredentials, after the same work and not to
// be told before the same time; only its Err says what it was. At most one check a CPU runs at once, and sources take
// turns: until then Verify waits, as long as ctx lasts, whose error it then gives; when too many wait already the Refusal
// is Unavailable. A password that was right in the last 24 hours needs no turn. An account without a password is refused
// like any other that is barred.
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
		if id, ok := b.remembered(&a, f); ok {
			return id, nil
		}
	}
	return b.check(ctx, a, f, no)
}

// Listed returns whom a login name stands for, whoever presents it: for what rules say of it, and nothing else.
func (b *Book) Listed(login string) (Claim, bool) {
	f := b.find(login)
	if f.entry == nil {
		return Claim{}, false
	}
	return f.claim(), true
}

// Unchecked returns who a device says it is where the account has no password here and nothing else bars the login: Entra
// ID must check the password, and no token that opens any mailbox may serve a Claim. Anybody else is for Verify, those
// who are barred too, or they would not be counted.
func (b *Book) Unchecked(a Attempt) (Claim, bool) {
	if a.Now.IsZero() {
		a.Now = time.Now()
	}
	f := b.find(a.Login)
	if f.entry == nil || f.entry.lock != nil || f.entry.account.bar(&a).what != "" {
		return Claim{}, false
	}
	return f.claim(), true
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
	return Identity{Claim: f.claim(), PasswordName: l.names[i], Remembered: true}, true
}

// digest stands for a password together with the lock it is tried on.
func (b *Book) digest(a *Attempt, l *lock) passwordmemory.Digest {
	return b.checker.hasher.Sum(l.binding, a.Password.Reveal())
}

// check waits for its turn and does the work of an argon2id check, whatever it is for.
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
	i, err := b.open(ctx, l, a.Password, no.what != "")
	if err != nil {
		return Identity{}, err
	}
	if no.what == "" && i >= 0 {
		b.checker.memory.Remember(b.digest(&a, l), l.keys[i], a.Now)
		return Identity{Claim: f.claim(), PasswordName: l.names[i]}, nil
	}
	r := login.Refuse(login.BadCredentials, "%s", no.reason(f, i >= 0))
	r.NotBefore = begun.Add(refusalDelay)
	return Identity{}, r
}

// open tries a password in all its spellings and returns which one of the lock it was, or -1. Only the first that fits ends it
// early, and that only where the login is let in: any other answer costs the same.
func (b *Book) open(ctx context.Context, l *lock, password secret.Secret, barred bool) (which int, err error) {
	which = -1
	for _, spelling := range spellingsOf(password) {
		if err := ctx.Err(); err != nil {
			return -1, fmt.Errorf("check a password: %w", err)
		}
		b.checker.opened.Add(1)
		if i := l.open(secret.New(spelling)); i >= 0 && which < 0 {
			which = i
		}
		if which >= 0 && !barred {
			break
		}
	}
	return which, nil
}

func (f found) claim() Claim {
	c := Claim{Account: f.account, Mailbox: f.mailbox}
	if f.entry.account.IsPattern() {
		c.Pattern = f.entry.account.Login
	}
	return c
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

// bar checks all but the password, and whether there is one.
func (e *entry) bar(a *Attempt) bar {
	if no := e.account.bar(a); no.what != "" || e.lock != nil {
		return no
	}
	return bar{"the account " + e.account.Login + " has no password here, and its upstream has none checked by Entra ID",
		"give it one (drawbridge account add), or lead it to an upstream with flow: password"}
}

// bar checks all that is said of an account but its password.
func (c *Account) bar(a *Attempt) bar {
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
