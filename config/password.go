package config

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"drawbridge/internal/passwordhash"
	"drawbridge/internal/secret"
)

// NamedPassword is one of several passwords of a login, so that each can be given to someone else and withdrawn alone.
type NamedPassword struct {
	Name string        // empty for the one of the key password
	Hash secret.Secret // an argon2id hash in the PHC string format
}

// maxHashPasses is how many passes a hash here may need; the other bounds are package passwordhash's.
const maxHashPasses = 10

// hashForm is the PHC string format of argon2id, version 1.3 (RFC 9106).
var hashForm = regexp.MustCompile(
	`^\$argon2id\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,8}),p=([1-9][0-9]{0,8})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

const makeHash = "write an argon2id hash, '$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH', " +
	"or keep the login with drawbridge account add, which makes one"

// checkHash judges a password's hash, and mend says how to come by one. What it says never holds a part of it.
func checkHash(text, mend string) *mistake {
	part := hashForm.FindStringSubmatch(text)
	switch {
	case part != nil:
	case inQuotes(text):
		return wrong("delete them", "the hash stands in quotes, which count as a part of it")
	case !strings.HasPrefix(text, "$"):
		return wrong(mend, "this is no hash, and a password in clear does not belong here")
	case !strings.HasPrefix(text, "$argon2id$"):
		return wrong(mend, "the hash is of another kind than argon2id")
	default:
		return wrong(mend, "this is no complete argon2id hash of version 19 (v=19)")
	}
	memory, _ := strconv.Atoi(part[1]) // nine digits at most, here and below
	passes, _ := strconv.Atoi(part[2])
	lanes, _ := strconv.Atoi(part[3])
	if m := checkCost(memory, passes, lanes); m != nil {
		return m
	}
	if !hasBytes(part[4], passwordhash.MinSalt, passwordhash.MaxSalt) {
		return wrong(mend, "the salt of the hash is not %d to %d bytes in base64 without padding", passwordhash.MinSalt, passwordhash.MaxSalt)
	}
	if !hasBytes(part[5], passwordhash.MinKey, passwordhash.MaxKey) {
		return wrong(mend, "the last part of the hash is not %d to %d bytes in base64 without padding", passwordhash.MinKey, passwordhash.MaxKey)
	}
	return nil
}

func checkCost(memory, passes, lanes int) *mistake {
	switch {
	case memory > passwordhash.MaxMemory:
		return wrong("make the hash with m=262144 (256 MiB) at most", "the hash needs m=%d KiB of memory at each check", memory)
	case passes > maxHashPasses:
		return wrong("make the hash with t=10 at most", "the hash needs t=%d passes at each check", passes)
	case lanes > passwordhash.MaxThreads:
		return wrong("make the hash with p=4 at most", "the hash needs p=%d lanes at each check", lanes)
	case memory < 8*lanes: // RFC 9106, section 3.1
		return wrong("make the hash with m=19456", "m=%d KiB is less than argon2id can work with", memory)
	}
	return nil
}

func hasBytes(text string, low, high int) bool {
	data, err := base64.RawStdEncoding.Strict().DecodeString(text)
	return err == nil && len(data) >= low && len(data) <= high
}

// hash reads a password's hash.
func (v value) hash(into *secret.Secret, mend string) bool {
	return v.secret(into, func(text string) *mistake { return checkHash(text, mend) })
}

// readPasswords reads the keys password and passwords, of which one may stand.
func (a *Account) readPasswords(o *object) {
	if o.given("password") && o.given("passwords") {
		o.fault(wrong("keep one of the two", "both password and passwords stand here"))
	}
	o.use("password", func(v value) { v.hash(&a.Password, makeHash) })
	o.use("passwords", a.readNamedPasswords)
}

func (a *Account) readNamedPasswords(v value) {
	if !v.isGroup() {
		v.fault(wrong("write passwords: {reception: '$argon2id$…', basement: '$argon2id$…'}",
			"%s stands where named passwords belong", kindOf(v.node)))
		return
	}
	all, _ := v.object()
	if len(all.pairs) == 0 {
		v.fault(wrong("write a name and its hash, or leave the key out", "no password stands here"))
	}
	for _, p := range bounded(v, all.pairs, maxEntries) {
		entry, named := v.named(p), NamedPassword{Name: p.key.Value}
		if !p.taken && entry.hash(&named.Hash, makeHash) { // taken: a split hash has its fault already
			a.Passwords = append(a.Passwords, named)
		}
	}
}
