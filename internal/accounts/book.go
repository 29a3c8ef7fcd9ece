package accounts

import (
	"cmp"
	"errors"
)

// Options are what a Book works with.
type Options struct {
	// Checker outlives the Book, so that passwords stay remembered when the configuration is loaded again; nil: a new one.
	Checker *Checker
	// Unknown is told of logins that no account has; it may be nil.
	Unknown *Unknown
	// Unchecked takes accounts without a password: Entra ID checks those (flow password).
	Unchecked bool
}

// Book is a fixed set of accounts. It is safe for concurrent use.
type Book struct {
	checker  *Checker
	unknown  *Unknown
	entries  []*entry
	names    map[string]*entry // logins and aliases, folded
	patterns []*entry          // in their order
	dummy    *lock             // what an unknown name is checked against
}

// NewBook makes a Book of accounts. Its error joins all that is wrong with them, a *Fault each.
func NewBook(accounts []Account, o Options) (*Book, error) {
	b := &Book{checker: o.Checker, unknown: o.Unknown, names: make(map[string]*entry)}
	if b.checker == nil {
		b.checker = NewChecker(CheckerOptions{})
	}
	var wrong []error
	owners := make(map[string]string) // folded name -> login it belongs to
	for i, a := range accounts {
		f := &faults{index: i, login: a.Login}
		b.add(compile(a, o.Unchecked, f))
		claim(owners, a, f)
		wrong = append(wrong, f.list...)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	var err error
	b.dummy, err = dummy(b.commonParameters())
	return b, err
}

func (b *Book) add(e *entry) {
	b.entries = append(b.entries, e)
	if e.account.IsPattern() {
		b.patterns = append(b.patterns, e)
		return
	}
	for _, name := range e.account.names() {
		b.names[fold(name)] = e
	}
}

// claim makes sure that no two accounts have one name.
func claim(owners map[string]string, a Account, f *faults) {
	key := "login"
	for _, name := range a.names() {
		if other, taken := owners[fold(name)]; taken {
			f.add(key, "the account %q has the name %q already: remove one", other, name)
		} else {
			owners[fold(name)] = a.Login
		}
		key = "aliases"
	}
}

// commonParameters are those of most accounts, of equally many the dearer ones: what an unknown name costs.
func (b *Book) commonParameters() Parameters {
	counts := make(map[Parameters]int)
	for _, e := range b.entries {
		if e.lock != nil {
			counts[e.lock.recipe.Parameters]++
		}
	}
	best, most := DefaultParameters(), 0
	for p, n := range counts {
		if n > most || n == most && dearer(p, best) {
			best, most = p, n
		}
	}
	return best
}

func dearer(p, q Parameters) bool {
	return cmp.Or(cmp.Compare(p.Work(), q.Work()), cmp.Compare(p.Memory, q.Memory), cmp.Compare(p.Threads, q.Threads)) > 0
}

// found is what a login name leads to.
type found struct {
	entry   *entry // nil: nothing
	account string // its listed form, lower case
	mailbox string
	near    *entry // a pattern that fits the name without listing its mailbox
}

// find looks a name up: logins and aliases first, then the patterns in their order.
func (b *Book) find(login string) found {
	folded := fold(login)
	if e, ok := b.names[folded]; ok {
		return found{entry: e, account: e.login, mailbox: e.account.Mailbox}
	}
	if len(b.patterns) == 0 || !isPlainAddress(login) {
		return found{}
	}
	var near *entry
	for _, e := range b.patterns {
		if !e.pattern.Matches(folded) {
			continue
		}
		if mailbox, ok := e.mailboxes.named(folded); ok {
			return found{entry: e, account: folded, mailbox: mailbox}
		}
		if near == nil {
			near = e
		}
	}
	return found{near: near}
}

// CountsAs returns the login, as listed, or the pattern whose password a login name is a guess at; empty: no account's. A name
// that fits a pattern whose mailboxes do not list it is none of its logins, and counts as it all the same: failures must
// not tell which names are listed.
func (b *Book) CountsAs(login string) (entry string, listed bool) {
	f := b.find(login)
	switch {
	case f.entry != nil:
		return f.entry.account.Login, true
	case f.near != nil:
		return f.near.account.Login, false
	}
	return "", false
}
