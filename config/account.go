package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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

func (c *Config) readAccounts(d *decoder, o *object) {
	v, ok := o.take("accounts")
	if !ok {
		return
	}
	items, _ := v.items()
	items = v.bounded(items, maxAccounts)
	c.Accounts = make([]Account, len(items))
	for i, item := range items {
		item.read(func(o *object) {
			c.Accounts[i].read(d, o)
			if !o.given("password") && !o.given("passwords") {
				d.open = append(d.open, i)
			}
		})
	}
}

func (a *Account) read(d *decoder, o *object) {
	o.required("login", "the name that devices log in with")
	scalar(o, "login", &a.Login, loginName)
	list(o, "aliases", &a.Aliases, aliasName)
	scalar(o, "mailbox", &a.Mailbox, oneMailbox)
	a.readPasswords(d, o)
	some(o, "sources", &a.Sources, prefix)
	some(o, "protocols", &a.Protocols, oneOf(protocol.Names()...))
	scalar(o, "expires", &a.Expires, d.moment)
	scalar(o, "disabled", &a.Disabled, boolean)
	a.readMailboxes(d, o)
	scalar(o, "any_mailbox", &a.AnyMailbox, boolean)
	switch {
	case a.Login == "": // it has its fault
	case a.Pattern():
		a.checkPattern(d, o)
	default:
		a.checkSingle(d, o)
	}
	if now := d.env.Now; !now.IsZero() && !a.Expires.IsZero() && !now.Before(a.Expires) {
		d.warnIn(o.path+".expires", wrong("write a later date or delete the entry", "the login expired on %s and is refused", a.Expires.Format(time.DateOnly)))
	}
}

// readMailboxes reads a list, or the file that has one.
func (a *Account) readMailboxes(d *decoder, o *object) {
	v, ok := o.take("mailboxes")
	if !ok {
		return
	}
	if v.node.Kind == yaml.MappingNode {
		v.read(func(o *object) { a.readMailboxFile(d, o) })
		return
	}
	items, ok := v.items()
	if ok && len(items) == 0 {
		v.fault(wrong("write the mailboxes that may be opened", "the list is empty and would let nobody in"))
	}
	a.Mailboxes = readAll(items, mailboxName)
}

// readMailboxFile reads the file's lines; empty ones and those that begin with # are left out.
func (a *Account) readMailboxFile(d *decoder, o *object) {
	o.required("file", "the path of a text file with one mailbox on each line")
	var path string
	scalar(o, "file", &path, d.path)
	if path == "" {
		return
	}
	data, err := readBounded(path, maxFile)
	if err != nil {
		d.faultIn(o.path+".file", ofError(err))
		return
	}
	before := len(d.faults)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, m := mailboxName(text)
		if m != nil {
			d.faultIn(o.path+".file", wrong(m.mend, "line %d: %s", n, m.problem))
			continue
		}
		a.Mailboxes = append(a.Mailboxes, name)
	}
	if len(a.Mailboxes) == 0 && len(d.faults) == before {
		d.faultIn(o.path+".file", wrong("write one mailbox on each line", "%s holds no mailbox", path))
	}
}

// isName tells whether text can be a name in a login: printable ASCII. SASL, IMAP and POP3 carry nothing else safely.
func isName(text string) bool {
	other := func(r rune) bool { return r < ' ' || r > '~' }
	return text != "" && len(text) <= 256 && !strings.ContainsFunc(text, other) && strings.TrimSpace(text) == text
}

// loginName reads a login or a pattern of logins.
func loginName(text string) (string, *mistake) {
	if !isName(text) {
		return "", wrong("write 1 to 256 printable ASCII characters, without blanks at the ends", "%s is no login", quoted(text))
	}
	if isPattern(text) {
		return accountPattern(text)
	}
	return text, nil
}

func aliasName(text string) (string, *mistake) {
	if isPattern(text) {
		return "", wrong("write the names one by one, or an account with this pattern as its login", "an alias is one name, and %s is a pattern", quoted(text))
	}
	return loginName(text)
}

// mailboxName reads a mailbox or a pattern of mailboxes.
func mailboxName(text string) (string, *mistake) {
	if !isName(text) || strings.Contains(text, " ") {
		return "", wrong("write an address such as scans@contoso.com", "%s is no mailbox", quoted(text))
	}
	if isPattern(text) {
		return accountPattern(text)
	}
	return text, nil
}

func oneMailbox(text string) (string, *mistake) {
	if isPattern(text) {
		return "", wrong("write one address such as scans@contoso.com", "a login opens one mailbox, and %s is a pattern", quoted(text))
	}
	return mailboxName(text)
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
