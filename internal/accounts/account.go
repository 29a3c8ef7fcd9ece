package accounts

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// MaxLogin is the longest login, alias or mailbox, in bytes (RFC 5321, section 4.5.3.1, knows no longer address).
const MaxLogin = 320

// Account is one login that devices use, or a pattern of logins. Names are compared without case.
type Account struct {
	Login     string   // a * makes it a pattern: it stands for any run of characters
	Aliases   []string // other names of the same account, such as DOMAIN\user
	Mailbox   string   // empty: the login
	Passwords []Password
	Sources   []netip.Prefix // nil: anywhere
	Protocols []string       // nil: all
	Expires   time.Time      // from then on it is refused; zero: never
	Disabled  bool
	// Mailboxes are those that the account may open. A pattern must have them, since its mailbox is the login that a
	// device gives. They may be patterns themselves where AnyMailbox says that this is meant.
	Mailboxes  []string
	AnyMailbox bool
}

// Password is one password of an account: several have a name each, so that one can be revoked. It prints without its
// hash.
type Password struct {
	Name string
	Hash string `json:"-"` // PHC, argon2id; those of one account share salt and parameters
}

// Format prints the name and never the hash, for every verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "{"+p.Name+" [redacted]}") }

// IsPattern reports whether the account stands for many logins.
func (a Account) IsPattern() bool { return isPattern(a.Login) }

// names are the login and its aliases.
func (a *Account) names() []string { return append([]string{a.Login}, a.Aliases...) }

// mailbox is the one that the account opens.
func (a *Account) mailbox() string { return cmp.Or(a.Mailbox, a.Login) }

// clone returns a copy that shares nothing with a.
func (a Account) clone() Account {
	a.Aliases = slices.Clone(a.Aliases)
	a.Passwords = slices.Clone(a.Passwords)
	a.Sources = slices.Clone(a.Sources)
	a.Protocols = slices.Clone(a.Protocols)
	a.Mailboxes = slices.Clone(a.Mailboxes)
	return a
}

func cloneAll(list []Account) []Account {
	all := make([]Account, len(list))
	for i, a := range list {
		all[i] = a.clone()
	}
	return all
}

// fold is the form in which names are compared.
func fold(name string) string { return strings.ToLower(name) }

func isPattern(name string) bool { return strings.Contains(name, "*") }

// nameFault says why no device could log in with a name, empty where one can. Logins are ASCII: devices' 8-bit names are
// refused before they come here.
func nameFault(name string) string {
	switch {
	case name == "":
		return "it is empty: write the name the device logs in with"
	case len(name) > MaxLogin:
		return fmt.Sprintf("it is longer than %d bytes: shorten it", MaxLogin)
	case name == "-":
		return "- stands for those who are not known: write another name"
	case strings.TrimSpace(name) != name:
		return "blanks before or behind it: remove them"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }):
		return "devices can log in only with names of printable ASCII characters: write it so"
	}
	return ""
}

// mailboxFault says why a name can be no mailbox, empty where it can.
func mailboxFault(name string) string {
	if why := nameFault(name); why != "" {
		return strings.Replace(why, "the name the device logs in with", "the address of the mailbox", 1)
	}
	if strings.ContainsAny(name, " \"<>,;") {
		return `an address has no blanks, quotes, brackets, commas or semicolons: write one, such as scans@contoso.com`
	}
	return ""
}

// isPlainAddress reports whether a name that a device gave may stand as a mailbox: the characters that RFC 5321, section
// 4.1.2, allows unquoted, less those with which old login forms and patterns are written, and one @ at most. What a
// pattern lets through goes upstream, so that nothing may hide in it.
func isPlainAddress(name string) bool {
	return name != "" && len(name) <= MaxLogin && strings.Count(name, "@") <= 1 && !hasOther(name, "!#$%&'+-=^_`{|}~.@")
}

// hasOther reports whether a name has anything else than ASCII letters, digits and the characters of more.
func hasOther(name, more string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(more, r))
	})
}
