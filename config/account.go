package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
)

// Account is a login that devices use on the bridge, or a pattern of such logins.
type Account struct {
	// The name that devices log in with, compared without case. With * (any run of characters) or ? (one of them) it is
	// a pattern for a fleet that nobody wants to list: each device opens the mailbox that has the name of its login, and
	// mailboxes and sources must stand beside it.
	Login string `yaml:"login" jsonschema:"required,minLength=1,maxLength=256"`

	// Further names of the same login, such as old forms that devices are set to.
	Aliases []string `yaml:"aliases,omitempty"`

	// The mailbox that it opens. Default: the one with the name of the login.
	Mailbox string `yaml:"mailbox,omitempty" jsonschema:"minLength=1,maxLength=256"`

	// The argon2id hash of its password, as a value, {file: PATH} or {env: NAME}. It may be left out where Entra ID
	// checks the password (flow: password).
	Password secret.Secret `yaml:"password,omitempty"`

	// Instead of password: several passwords with a name each, in the order of the file.
	Passwords []NamedPassword `yaml:"passwords,omitempty"`

	// The addresses and ranges that it is accepted from. Default: anywhere a listener allows.
	Sources []netip.Prefix `yaml:"sources,omitempty" jsonschema:"minItems=1"`

	// The protocols that it is accepted on: imap or pop3. Default: both.
	Protocols []string `yaml:"protocols,omitempty" jsonschema:"minItems=1,enum=imap,enum=pop3"`

	// From when on it is refused: a time, or a date, which begins at 00:00 in timezone. Default: never.
	Expires time.Time `yaml:"expires,omitempty"`

	// Whether it is refused at once.
	Disabled bool `yaml:"disabled"`

	// The mailboxes that logins of a pattern may open: a list, or {file: PATH} of a text file with one on each line.
	// A pattern among them needs any_mailbox: true.
	Mailboxes []string `yaml:"mailboxes,omitempty" jsonschema:"minItems=1"`

	// Says that the patterns in mailboxes are meant: whoever knows the password may open every mailbox that fits.
	AnyMailbox bool `yaml:"any_mailbox"`
}

// Pattern tells whether the login stands for many.
func (a *Account) Pattern() bool { return isPattern(a.Login) }

// Hashes returns all passwords of the login: none, the one of the key password, whose name is empty, or those of
// passwords.
func (a *Account) Hashes() []NamedPassword {
	if hash := a.Password; hash.Reveal() != "" {
		return []NamedPassword{{Hash: hash}}
	}
	return a.Passwords
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?") }

// maxAccounts bounds the logins of one file: each is held against the rules.
const maxAccounts = 10_000

func (c *Config) readAccounts(v value) {
	items, _ := v.items()
	items = bounded(v, items, maxAccounts)
	c.Accounts = make([]Account, len(items))
	for i, item := range items {
		item.read(func(o *object) {
			c.Accounts[i].read(o)
			if !o.given("password") && !o.given("passwords") {
				v.d.open = append(v.d.open, i)
			}
		})
	}
}

func (a *Account) read(o *object) {
	o.required("login", "the name that devices log in with")
	scalar(o, "login", &a.Login, loginName)
	list(o, "aliases", &a.Aliases, aliasName)
	scalar(o, "mailbox", &a.Mailbox, oneMailbox)
	a.readPasswords(o)
	some(o, "sources", &a.Sources, prefix)
	some(o, "protocols", &a.Protocols, oneOf(protocol.Names()...))
	scalar(o, "expires", &a.Expires, o.d.moment)
	scalar(o, "disabled", &a.Disabled, boolean)
	o.use("mailboxes", a.readMailboxes)
	scalar(o, "any_mailbox", &a.AnyMailbox, boolean)
	switch {
	case a.Login == "": // it has its fault
	case a.Pattern():
		a.checkPattern(o)
	default:
		a.checkSingle(o)
	}
	if o.d.passed(a.Expires) {
		o.warnIn("expires", wrong("write a later date or delete the entry",
			"the login expired on %s and is refused", a.Expires.Format(time.DateOnly)))
	}
}

// readMailboxes reads a list, or the file that has one.
func (a *Account) readMailboxes(v value) {
	if v.isGroup() {
		v.read(func(o *object) { a.Mailboxes = linesOf(o, "mailbox", mailboxName) })
		return
	}
	a.Mailboxes = readAll(v.filled("write the mailboxes that may be opened", "the list is empty and would let nobody in"), mailboxName)
}

// isName tells whether text can be a name in a login.
func isName(text string) bool {
	return text != "" && len(text) <= 256 && isASCII(text) && strings.TrimSpace(text) == text
}

// What reads a login or a mailbox: the name itself, or, but for the two that are single, a pattern of names.
var (
	loginName = nameOrPattern(textThat(isName,
		"write 1 to 256 printable ASCII characters, without blanks at the ends", "%s is no login"))
	mailboxName = nameOrPattern(textThat(func(text string) bool { return isName(text) && !strings.Contains(text, " ") },
		"write an address such as scans@contoso.com", "%s is no mailbox"))
	aliasName = single(loginName,
		"write the names one by one, or an account with this pattern as its login", "an alias is one name, and %s is a pattern")
	oneMailbox = single(mailboxName,
		"write one address such as scans@contoso.com", "a login opens one mailbox, and %s is a pattern")
)

func nameOrPattern(name parser) parser {
	return func(text string) (string, *mistake) {
		if _, m := name(text); m != nil || !isPattern(text) {
			return text, m
		}
		return accountPattern(text)
	}
}

// single refuses a pattern, and leaves all else to another parser.
func single(parse parser, mend, problem string) parser {
	return func(text string) (string, *mistake) {
		if isPattern(text) {
			return "", wrong(mend, problem, quoted(text))
		}
		return parse(text)
	}
}

func boolean(text string) (bool, *mistake) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "yes", "on":
		return false, wrong("write true", "%s is not a value of this key", quoted(text))
	}
	return false, wrong("write true or false", "%s is not a value of this key", quoted(text))
}

// accountPath is the path of an entry, as faults tell it.
func accountPath(i int) string { return fmt.Sprintf("accounts[%d]", i) }
