package login

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxAccount is the longest name that tables hold as it is, in bytes: no mail address is longer (RFC 5321, section
// 4.5.3.1). Longer ones, which can only be attacks, stand as their hash.
const maxAccount = 320

// AccountKey returns an account name as it is compared where only case does not matter: whose mailbox is opened, whose
// password was right.
func AccountKey(account string) string {
	account = strings.ToLower(account)
	if len(account) > maxAccount {
		sum := sha256.Sum256([]byte(account))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return account
}

// UserOf returns what a login name counts as, in all its spellings: the user whose password it is checked with, without
// domain and case. Failures are counted by it, a source is verified for it (guard), and with UsersOf guesses are bounded by
// it. What is typed goes upstream as it is, and makes the device's id.
//
// It knows the forms that mail servers take: user, user@domain, user%domain, DOMAIN\user, "user"@domain (RFC 5321, section
// 4.1.2), user*master (the master users of Dovecot, whose password counts), and with a shared mailbox behind, which must not
// make another user: user@domain\mailbox and DOMAIN\user\mailbox, with a slash too.
func UserOf(account string) string { return UsersOf(account)[0] }

// UsersOf returns all users whom a wrong password for account may lock out, that of UserOf first: of user*master both, else
// one, which is empty where the name has no user in it.
func UsersOf(account string) []string {
	mailbox, checked := spellingsIn(account)
	users := []string{AccountKey(checked.user)}
	if mailbox.user != checked.user {
		users = append(users, AccountKey(mailbox.user))
	}
	return users
}

// IsSpellingOf reports whether a device that logs in with the name typed has the account that was set, by whatever name: what
// people set for a device (its stage) holds for all of them. A shared mailbox behind the user is another account.
func IsSpellingOf(typed, set string) bool {
	of, _ := spellingsIn(set)
	is := func(s spelling) bool { return s.user == of.user && (of.behind == "" || s.behind == of.behind) }
	mailbox, checked := spellingsIn(typed)
	return of.user != "" && (is(mailbox) || is(checked))
}

// spelling is a login name taken apart, lower case.
type spelling struct {
	user   string
	behind string // a shared mailbox; empty: the user's own
}

// spellingsIn takes a login name apart: whose mailbox it opens, and whose password it is checked with.
func spellingsIn(account string) (mailbox, checked spelling) {
	account = strings.ToLower(account)
	first, last := account, account
	if i := strings.IndexByte(account, '*'); i >= 0 {
		first, last = account[:i], account[strings.LastIndexByte(account, '*')+1:]
	}
	mailbox, checked = spellingOf(first), spellingOf(last)
	if mailbox.user == "" {
		mailbox = checked
	}
	if checked.user == "" {
		checked = mailbox
	}
	return mailbox, checked
}

func spellingOf(name string) spelling {
	first, rest, split := cutAny(unquote(name), `\/`)
	if user, behind := local(first), local(rest); strings.Contains(first, "@") || !split || behind == "" {
		return spelling{user, behind}
	}
	user, behind, _ := cutAny(strings.TrimLeft(rest, `\/`), `\/`)
	return spelling{local(user), local(behind)}
}

// unquote takes the quotes off a name. Where only the local part has some, backslashes in it are not a domain's.
func unquote(name string) string {
	part, domain, found := strings.Cut(name, `"@`)
	if found && strings.HasPrefix(strings.TrimSpace(part), `"`) {
		name = strings.ReplaceAll(part, `\`, "") + "@" + domain
	}
	return strings.ReplaceAll(name, `"`, "")
}

// local is the part of an address before its domain, without what people put around.
func local(address string) string {
	part, _, _ := cutAny(strings.TrimLeft(address, around), "@%")
	return strings.Trim(part, around)
}

const around = " '<>"

func cutAny(s, chars string) (before, after string, found bool) {
	i := strings.IndexAny(s, chars)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
