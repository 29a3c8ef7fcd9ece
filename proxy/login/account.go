package login

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxAccount is the longest name that tables hold as it is, in bytes: no mail address is longer (RFC 5321, section
// 4.5.3.1). Longer ones, which can only be attacks, stand as their hash.
const maxAccount = 320

// AccountKey returns what an account name counts as, whatever its case: the form in which names are compared.
func AccountKey(account string) string {
	if len(account) > maxAccount {
		sum := sha256.Sum256([]byte(strings.ToLower(account)))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return strings.ToLower(account)
}

// UserOf returns the user whose password a login name is checked with, without domain and case. It knows the forms that
// Exchange takes: user, user@domain, DOMAIN\user, and with a shared mailbox behind, which must not make another user:
// user@domain\mailbox and DOMAIN\user\mailbox, with a slash too.
func UserOf(account string) string {
	first, rest, split := cutAny(account, `\/`)
	if split && !strings.Contains(first, "@") {
		first, _, _ = cutAny(rest, `\/`)
	}
	user, _, _ := strings.Cut(first, "@")
	return AccountKey(strings.TrimSpace(user))
}

func cutAny(s, chars string) (before, after string, found bool) {
	i := strings.IndexAny(s, chars)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
