// Package passwordhash is the argon2id hash of a password, written as a PHC string
// ($argon2id$v=19$m=…,t=…,p=…$salt$hash).
//
// RFC 9106 is argon2.
package passwordhash

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters are what an argon2id hash costs (RFC 9106, section 3.1). The zero value of each field is its default.
type Parameters struct {
	Memory  uint32 // KiB; default 7168
	Time    uint32 // passes; default 5
	Threads uint8  // default 1
}

// Default are the parameters with which new passwords are hashed.
func Default() Parameters { return Parameters{Memory: 7168, Time: 5, Threads: 1} }

// What a hash may cost, so that neither a pasted one nor a mistyped one eats the machine: one check takes a second at
// most.
const (
	MaxMemory  = 256 << 10 // KiB
	MaxThreads = 4
	maxTime    = 16
	maxWork    = 1 << 20 // Memory times Time
)

// Lengths in bytes.
const (
	MinSalt     = 8
	MaxSalt     = 64
	MinKey      = 16
	MaxKey      = 64
	MaxPassword = 1024
	newSalt     = 16
	newKey      = 32
)

func (p Parameters) withDefaults() Parameters {
	d := Default()
	return Parameters{Memory: cmp.Or(p.Memory, d.Memory), Time: cmp.Or(p.Time, d.Time), Threads: cmp.Or(p.Threads, d.Threads)}
}

// Work is what a hash costs, to be compared with others'.
func (p Parameters) Work() uint64 { return uint64(p.Memory) * uint64(p.Time) }

func (p Parameters) check() error {
	switch {
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("t=%d is not between 1 and %d: hash the password anew", p.Time, maxTime)
	case p.Threads < 1 || p.Threads > MaxThreads:
		return fmt.Errorf("p=%d is not between 1 and %d: hash the password anew", p.Threads, MaxThreads)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > MaxMemory:
		return fmt.Errorf("m=%d is not between %d (8 KiB a lane) and %d KiB: hash the password anew", p.Memory, 8*p.Threads, MaxMemory)
	case p.Work() > maxWork:
		return fmt.Errorf("m=%d with t=%d is more work than %d for one login: hash the password anew", p.Memory, p.Time, maxWork)
	}
	return nil
}

// Recipe is how passwords become keys. Where it is the same for several, one computation checks them all; they can be
// compared with ==.
type Recipe struct {
	Parameters
	salt   string
	length uint32 // of the key
}

// NewRecipe returns one with a new salt.
func NewRecipe(p Parameters) (Recipe, error) {
	p = p.withDefaults()
	if err := p.check(); err != nil {
		return Recipe{}, fmt.Errorf("parameters of argon2id: %w", err)
	}
	salt := make([]byte, newSalt)
	_, _ = rand.Read(salt) // never fails (crypto/rand, since Go 1.24)
	return Recipe{Parameters: p, salt: string(salt), length: newKey}, nil
}

func (r Recipe) derive(password string) []byte {
	b := []byte(password)
	defer clear(b)
	return argon2.IDKey(b, []byte(r.salt), r.Time, r.Memory, r.Threads, r.length)
}

// Match returns which of keys is password's, or -1. It costs what the parameters say, some 25 ms with the default ones, and
// cannot be interrupted. It compares with all keys, whichever fits.
func (r Recipe) Match(password string, keys ...string) int {
	got := r.derive(password)
	fits := -1
	for i, k := range keys {
		fits = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare([]byte(k), got), i, fits)
	}
	return fits
}

// Hash returns the PHC string of password. It costs what Match does.
func (r Recipe) Hash(password string) (string, error) {
	if err := Fault(password); err != nil {
		return "", err
	}
	return r.PHC(string(r.derive(password))), nil
}

// Fault says why a password cannot be hashed, nil where it can.
func Fault(password string) error {
	if password == "" {
		return errors.New("the password is empty: choose one")
	}
	if len(password) > MaxPassword {
		return fmt.Errorf("the password is longer than %d bytes: shorten it", MaxPassword)
	}
	return nil
}

// PHC returns the PHC string of a key.
func (r Recipe) PHC(key string) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, r.Memory, r.Time, r.Threads,
		b64.EncodeToString([]byte(r.salt)), b64.EncodeToString([]byte(key)))
}

// Parse reads a PHC string: a Recipe, and the key that it makes of the right password. No error quotes the string.
func Parse(s string) (r Recipe, key string, err error) {
	parts := strings.Split(s, "$")
	switch {
	case len(parts) < 2 || parts[0] != "" || parts[1] != "argon2id":
		return Recipe{}, "", errors.New("it is no argon2id hash ($argon2id$v=19$m=…,t=…,p=…$…$…): make one with `drawbridge " +
			"account add`")
	case len(parts) != 6:
		return Recipe{}, "", errors.New("the argon2id hash was cut or has too many parts: copy it whole, in quotes")
	case parts[2] != "v=19":
		return Recipe{}, "", errors.New("its version of argon2 is not 19: hash the password anew")
	}
	if r.Parameters, err = parseParameters(parts[3]); err != nil {
		return Recipe{}, "", err
	}
	if r.salt, err = parseBytes(parts[4], "salt", MinSalt, MaxSalt); err != nil {
		return Recipe{}, "", err
	}
	key, err = parseBytes(parts[5], "hash", MinKey, MaxKey)
	r.length = uint32(len(key))
	return r, key, err
}

func parseParameters(s string) (Parameters, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return Parameters{}, errors.New("its parameters are not m=…,t=…,p=…: hash the password anew")
	}
	var values [3]uint64
	for i, prefix := range [...]string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(fields[i], prefix)
		n, err := strconv.ParseUint(digits, 10, 31)
		if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
			return Parameters{}, errors.New("its parameters are not m=…,t=…,p=…: hash the password anew")
		}
		values[i] = n
	}
	threads := min(values[2], MaxThreads+1) // beyond the bound it is refused anyway
	p := Parameters{Memory: uint32(values[0]), Time: uint32(values[1]), Threads: uint8(threads)}
	return p, p.check()
}

func parseBytes(s, what string, least, most int) (string, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") { // the decoder skips line ends
		return "", fmt.Errorf("the %s in it is not base64 without padding: copy it whole", what)
	}
	if len(b) < least || len(b) > most {
		return "", fmt.Errorf("the %s in it has %d bytes, not %d to %d: copy it whole", what, len(b), least, most)
	}
	return string(b), nil
}
