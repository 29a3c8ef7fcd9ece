package accounts

import (
	"crypto/rand"
	"fmt"
	"strings"
	"unicode/utf8"

	"drawbridge/internal/secret"
)

// The alphabets of Generate. None has characters that look alike (0 and o, 1, i and l) beside each other, nor upper case,
// which costs a keypad three keys.
const (
	Digits  = "digits"
	Letters = "letters"
	Alnum   = "alnum"
)

var alphabets = map[string]string{
	Digits:  "0123456789",
	Letters: "abcdefghjkmnpqrstuvwxyz",
	Alnum:   "abcdefghjkmnpqrstuvwxyz23456789",
}

// Alphabets are the names that Generate takes.
func Alphabets() []string { return []string{Digits, Letters, Alnum} }

// How long a generated password may be, in characters.
const (
	MinGenerated = 6
	MaxGenerated = 64
)

// Generate returns a password of length characters, each as likely as any other of the named alphabet.
func Generate(length int, alphabet string) (secret.Secret, error) {
	letters, ok := alphabets[alphabet]
	if !ok {
		return secret.Secret{}, fmt.Errorf("no alphabet is named %q: take one of %s", alphabet, strings.Join(Alphabets(), ", "))
	}
	if length < MinGenerated || length > MaxGenerated {
		return secret.Secret{}, fmt.Errorf("a generated password has %d to %d characters, not %d", MinGenerated, MaxGenerated, length)
	}
	password := make([]byte, 0, length)
	for len(password) < length {
		password = appendLetters(password, letters)
	}
	return secret.New(string(password)), nil
}

// appendLetters fills password up from random bytes. Those beyond the last whole multiple of the alphabet are thrown
// away: a remainder would make its first letters more likely.
func appendLetters(password []byte, letters string) []byte {
	var random [MaxGenerated]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand, since Go 1.24)
	fair := 256 / len(letters) * len(letters)
	for _, b := range random {
		if len(password) < cap(password) && int(b) < fair {
			password = append(password, letters[int(b)%len(letters)])
		}
	}
	return password
}

// What passwords should have, in characters.
const (
	shortPassword = 8
	longPassword  = 32
)

// Weak returns what is against a password for a device with a keypad or a panel, or one that builds its login command
// without care; nothing where nothing is. No sentence quotes the password.
func Weak(password secret.Secret) []string {
	p := password.Reveal()
	var warnings []string
	add := func(yes bool, format string, args ...any) {
		if yes {
			warnings = append(warnings, fmt.Sprintf(format, args...))
		}
	}
	add(utf8.RuneCountInString(p) < shortPassword, "it is shorter than %d characters: a longer one is guessed later", shortPassword)
	add(utf8.RuneCountInString(p) > longPassword, "it is longer than %d characters: many devices cut what is longer", longPassword)
	add(strings.TrimSpace(p) != p, "it begins or ends with a blank: many devices cut blanks")
	add(strings.ContainsFunc(p, func(r rune) bool { return r > '~' }),
		"it has characters beyond ASCII: devices disagree about how to send them")
	add(strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }), "it has control characters: devices cannot send them")
	hard := hardCharacters(p)
	add(len(hard) > 0, "it has %s: many keypads lack such characters, and some devices send them wrongly", strings.Join(hard, " "))
	add(len(p) > 1 && strings.Trim(p, p[:1]) == "", "it is one character again and again: it is guessed at once")
	return warnings
}

// hardCharacters are those of p that keypads lack or that devices fail to quote.
func hardCharacters(p string) []string {
	var hard []string
	for _, c := range `~"\%{}` {
		if strings.ContainsRune(p, c) {
			hard = append(hard, string(c))
		}
	}
	return hard
}
