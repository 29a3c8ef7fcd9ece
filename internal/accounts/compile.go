package accounts

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/glob"
	"drawbridge/internal/passwordhash"
	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
)

// entry is one account, ready for lookups. It is immutable.
type entry struct {
	account   Account // with its defaults
	login     string  // folded
	pattern   glob.Pattern
	lock      *lock // nil: without a password here
	mailboxes mailboxes
}

// mailboxes are those that an account may open.
type mailboxes struct {
	listed   map[string]string // folded -> as listed
	patterns []glob.Pattern
}

// named returns the mailbox of that name, spelled as listed, or as asked for where a pattern lets it through.
func (m mailboxes) named(name string) (string, bool) {
	if listed, ok := m.listed[fold(name)]; ok {
		return listed, true
	}
	folded := fold(name)
	fits := func(p glob.Pattern) bool { return p.Matches(folded) }
	return folded, slices.ContainsFunc(m.patterns, fits)
}

// compile makes an entry of an account; what is wrong with it goes to f.
func compile(a Account, unchecked bool, f *faults) *entry {
	a = a.clone()
	compileNames(&a, f)
	compileMailboxes(&a, f)
	compileBounds(&a, f)
	e := &entry{account: a, login: fold(a.Login), pattern: glob.CompileStars(a.Login), mailboxes: mailboxes{listed: make(map[string]string)}}
	for _, m := range a.Mailboxes {
		if isPattern(m) {
			e.mailboxes.patterns = append(e.mailboxes.patterns, glob.CompileStars(m))
			continue
		}
		e.mailboxes.listed[fold(m)] = m
	}
	e.lock = compilePasswords(&a, unchecked, f)
	if _, ok := e.mailboxes.named(a.Mailbox); !a.IsPattern() && len(a.Mailboxes) > 0 && !ok {
		f.add("mailbox", "%q is not among its mailboxes: add it there, or leave mailboxes out", a.Mailbox)
	}
	return e
}

func compileNames(a *Account, f *faults) {
	if why := nameFault(a.Login); why != "" {
		f.add("login", "%s", why)
	}
	if strings.Contains(a.Login, "?") {
		f.add("login", "? stands for nothing in a login: write *, or each login")
	}
	if a.IsPattern() && len(a.Aliases) > 0 {
		f.add("aliases", "a pattern has no aliases: list the accounts that need some")
	}
	for _, alias := range a.Aliases {
		if why := nameFault(alias); why != "" {
			f.add("aliases", "%q: %s", alias, why)
		}
		if strings.ContainsAny(alias, "*?") {
			f.add("aliases", "%q: an alias is a name, not a pattern: write each", alias)
		}
	}
}

func compileMailboxes(a *Account, f *faults) {
	why := mailboxFault(a.Mailbox)
	switch {
	case a.IsPattern():
		compilePattern(a, f)
	case a.Mailbox == "":
		a.Mailbox = a.Login
	case why != "":
		f.add("mailbox", "%q: %s", a.Mailbox, why)
	case isPattern(a.Mailbox):
		f.add("mailbox", "%q: a mailbox is an address, not a pattern: write it", a.Mailbox)
	}
	for _, m := range a.Mailboxes {
		if why := mailboxFault(m); why != "" {
			f.add("mailboxes", "%q: %s", m, why)
		}
		if isPattern(m) && !a.AnyMailbox {
			f.add("mailboxes", "%q lets any mailbox of that form through: list the addresses, or say any_mailbox: true beside it", m)
		}
	}
}

func compilePattern(a *Account, f *faults) {
	if a.Mailbox != "" {
		f.add("mailbox", "with a pattern the mailbox is the login: leave it out")
	}
	if len(a.Mailboxes) == 0 {
		f.add("mailboxes", "a pattern must say which mailboxes it opens: list them")
	}
	if len(a.Sources) == 0 {
		f.add("sources", "a pattern must say from where it may be used: list the devices' networks, such as 10.20.0.0/16")
	}
}

// compileBounds brings sources and protocols into the form in which they are compared.
func compileBounds(a *Account, f *faults) {
	if a.Sources != nil && len(a.Sources) == 0 && !a.IsPattern() {
		f.add("sources", "the list is empty, nobody could log in: list networks, or leave it out for anywhere")
	}
	for i, p := range a.Sources {
		if !p.IsValid() {
			f.add("sources", "entry %d is no network: write one such as 10.20.3.0/24", i+1)
			continue
		}
		a.Sources[i] = unmap(p).Masked()
	}
	if a.Protocols != nil && len(a.Protocols) == 0 {
		f.add("protocols", "the list is empty, nobody could log in: list imap, pop3, or leave it out for all")
	}
	for i, p := range a.Protocols {
		a.Protocols[i] = fold(p)
		if _, known := protocol.Of(a.Protocols[i]); !known {
			f.add("protocols", "%q is none: write %s", p, strings.Join(protocol.Names(), " or "))
		}
	}
}

// unmap makes ::ffff:10.0.0.0/104 10.0.0.0/8.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// compilePasswords returns the lock of an account, nil where it has no password.
func compilePasswords(a *Account, unchecked bool, f *faults) *lock {
	if len(a.Passwords) == 0 {
		if !unchecked {
			f.add("password", "it has none, and nothing else checks it: make one with `drawbridge account add`, "+
				"or let Entra ID check passwords (flow: password)")
		}
		return nil
	}
	l := &lock{}
	for _, p := range a.Passwords {
		r, key, err := passwordhash.Parse(p.Hash)
		if err == nil {
			err = l.take(r, key, p.Name, len(a.Passwords) > 1)
		}
		if err != nil {
			f.add("password", "%s%v", prefix(p.Name), err)
		}
	}
	l.binding = fold(a.Login) + "\x00" + l.recipe.PHC("")
	return l
}

func prefix(password string) string {
	if password == "" {
		return ""
	}
	return fmt.Sprintf("%q: ", password)
}

// take adds one password; several must be named.
func (l *lock) take(r passwordhash.Recipe, key, name string, several bool) error {
	if err := passwordNameFault(name, several); err != nil {
		return err
	}
	if len(l.keys) == 0 {
		l.recipe = r
	}
	switch {
	case r != l.recipe:
		return errors.New("its salt or parameters differ from the first one's, and one check must do for all passwords of a login: " +
			"make it with `drawbridge account add`, which knows the others")
	case slices.Contains(l.keys, key):
		return errors.New("it is the same as another one of this login: revoking one would leave the other, choose another")
	case slices.ContainsFunc(l.names, func(n string) bool { return fold(n) == fold(name) }):
		return errors.New("another password of this login has that name: choose another")
	}
	l.keys = append(l.keys, key)
	l.names = append(l.names, name)
	return nil
}

// maxPasswordName is how long the name of a password may be, in bytes.
const maxPasswordName = 64

func passwordNameFault(name string, needed bool) error {
	if name == "" && needed {
		return errors.New("one of several passwords has no name: name each, after the place or device that has it")
	}
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if len(name) > maxPasswordName || strings.ContainsFunc(name, odd) || strings.TrimSpace(name) != name {
		return fmt.Errorf("a password's name has at most %d printable ASCII characters, and no blanks around it: shorten it", maxPasswordName)
	}
	return nil
}

// Fault is what is wrong with one account of a list.
type Fault struct {
	Index int    // in the list
	Login string // as listed
	Key   string // of the configuration: "login", "aliases", "passwords", …
	Says  string // what is wrong, and how it is mended
}

// Error names the account and the key.
func (f *Fault) Error() string { return fmt.Sprintf("account %q: %s: %s", f.Login, f.Key, f.Says) }

// faults collects what is wrong with one account.
type faults struct {
	index int
	login string
	list  []error
}

func (f *faults) add(key, format string, args ...any) {
	f.list = append(f.list, &Fault{Index: f.index, Login: f.login, Key: key, Says: fmt.Sprintf(format, args...)})
}

// Parameters are what an argon2id hash costs.
type Parameters = passwordhash.Parameters

// DefaultParameters are those with which new passwords are hashed.
func DefaultParameters() Parameters { return passwordhash.Default() }

// Hash returns the PHC string of password, under a new salt. It takes some 25 ms with the default parameters.
func Hash(password secret.Secret, p Parameters) (string, error) {
	r, err := passwordhash.NewRecipe(p)
	if err != nil {
		return "", err
	}
	return r.Hash(password.Reveal())
}

// HashAlike returns the PHC string of password with salt and parameters of another hash: all passwords of one login must
// share them.
func HashAlike(password secret.Secret, like string) (string, error) {
	r, _, err := passwordhash.Parse(like)
	if err != nil {
		return "", err
	}
	return r.Hash(password.Reveal())
}

// lock is a login's passwords, or, for those who are not known, one that nothing opens.
type lock struct {
	recipe passwordhash.Recipe
	keys   []string
	names  []string
	// binding names the login, salt and parameters: a remembered password holds for nothing else.
	binding string
}

// open does the work of one check and returns which password it was, or -1.
func (l *lock) open(password secret.Secret) int { return l.recipe.Match(password.Reveal(), l.keys...) }

// dummy returns a lock that costs what recipes with p cost, and has no key.
func dummy(p Parameters) (*lock, error) {
	r, err := passwordhash.NewRecipe(p)
	return &lock{recipe: r, keys: []string{strings.Repeat("\x00", 32)}}, err
}
