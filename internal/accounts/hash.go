package accounts

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"drawbridge/internal/secret"
)

// Parameters are what an argon2id hash costs (RFC 9106, section 3.1). The zero value of each field is its default.
type Parameters struct {
	Memory  uint32 // KiB; default 7168
	Time    uint32 // passes; default 5
	Threads uint8  // default 1
}

// DefaultParameters are those with which new passwords are hashed.
func DefaultParameters() Parameters { return Parameters{Memory: 7168, Time: 5, Threads: 1} }

// What a hash may cost, so that neither a pasted one nor a mistyped one eats the machine: one check takes a second at
// most.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 16
	maxThreads = 4
	maxWork    = 1 << 20 // Memory times Time
)

// Lengths in bytes.
const (
	newSalt     = 16
	newKey      = 32
	minSalt     = 8
	maxSalt     = 64
	minKey      = 16
	maxKey      = 64
	maxPassword = 1024
)

func (p Parameters) withDefaults() Parameters {
	d := DefaultParameters()
	if p.Memory == 0 {
		p.Memory = d.Memory
	}
	if p.Time == 0 {
		p.Time = d.Time
	}
	if p.Threads == 0 {
		p.Threads = d.Threads
	}
	return p
}

func (p Parameters) work() uint64 { return uint64(p.Memory) * uint64(p.Time) }

func (p Parameters) check() error {
	switch {
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("t=%d is not between 1 and %d: hash the password anew", p.Time, maxTime)
	case p.Threads < 1 || p.Threads > maxThreads:
		return fmt.Errorf("p=%d is not between 1 and %d: hash the password anew", p.Threads, maxThreads)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > maxMemory:
		return fmt.Errorf("m=%d is not between %d (8 KiB a lane) and %d KiB: hash the password anew", p.Memory, 8*p.Threads, maxMemory)
	case p.work() > maxWork:
		return fmt.Errorf("m=%d with t=%d is more work than %d for one login: hash the password anew", p.Memory, p.Time, maxWork)
	}
	return nil
}

// recipe is how a login's passwords become keys: the same for all of them, so that one computation checks them all.
type recipe struct {
	Parameters
	salt   string
	length uint32 // of the key
}

// derive costs what the parameters say, and cannot be interrupted.
func (r recipe) derive(password secret.Secret) []byte {
	b := []byte(password.Reveal())
	defer clear(b)
	return argon2.IDKey(b, []byte(r.salt), r.Time, r.Memory, r.Threads, r.length)
}

func newRecipe(p Parameters) recipe {
	return recipe{Parameters: p, salt: randomString(newSalt), length: newKey}
}

func randomString(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	return string(b)
}

// Hash returns the PHC string of password, under a new salt. It takes some 25 ms with the default parameters.
func Hash(password secret.Secret, p Parameters) (string, error) {
	p = p.withDefaults()
	if err := p.check(); err != nil {
		return "", fmt.Errorf("parameters of argon2id: %w", err)
	}
	return newRecipe(p).hash(password)
}

// HashAlike returns the PHC string of password with salt and parameters of another hash: all passwords of one login must
// share them.
func HashAlike(password secret.Secret, like string) (string, error) {
	r, _, err := parseHash(like)
	if err != nil {
		return "", err
	}
	return r.hash(password)
}

func (r recipe) hash(password secret.Secret) (string, error) {
	if err := passwordFault(password); err != nil {
		return "", err
	}
	return r.phc(r.derive(password)), nil
}

func passwordFault(password secret.Secret) error {
	if password.Empty() {
		return errors.New("the password is empty: choose one")
	}
	if len(password.Reveal()) > maxPassword {
		return fmt.Errorf("the password is longer than %d bytes: shorten it", maxPassword)
	}
	return nil
}

func (r recipe) phc(key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, r.Memory, r.Time, r.Threads,
		b64.EncodeToString([]byte(r.salt)), b64.EncodeToString(key))
}

// parseHash reads a PHC string ($argon2id$v=19$m=…,t=…,p=…$salt$hash). No error quotes it.
func parseHash(s string) (recipe, string, error) {
	parts := strings.Split(s, "$")
	if len(parts) < 2 || parts[0] != "" || parts[1] != "argon2id" {
		return recipe{}, "", errors.New("it is no argon2id hash ($argon2id$v=19$m=…,t=…,p=…$…$…): make one with `drawbridge account add`")
	}
	if len(parts) != 6 {
		return recipe{}, "", errors.New("the argon2id hash was cut or has too many parts: copy it whole, in quotes")
	}
	if parts[2] != "v=19" {
		return recipe{}, "", errors.New("its version of argon2 is not 19: hash the password anew")
	}
	var r recipe
	var err error
	if r.Parameters, err = parseParameters(parts[3]); err != nil {
		return recipe{}, "", err
	}
	if r.salt, err = parseBytes(parts[4], "salt", minSalt, maxSalt); err != nil {
		return recipe{}, "", err
	}
	key, err := parseBytes(parts[5], "hash", minKey, maxKey)
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
	threads := min(values[2], maxThreads+1) // beyond the bound it is refused anyway
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

// lock is a login's passwords, or, for those who are not known, one that nothing opens.
type lock struct {
	recipe recipe
	keys   []string
	names  []string
	// binding names the login, salt and parameters: a remembered password holds for nothing else.
	binding string
}

// open does the work of one check and returns which password it was, or -1. It compares with all of them, whichever fits.
func (l *lock) open(password secret.Secret) int {
	got := l.recipe.derive(password)
	fits := -1
	for i, k := range l.keys {
		fits = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare([]byte(k), got), i, fits)
	}
	return fits
}

// dummy returns a lock that costs what recipes with p cost, and has no key.
func dummy(p Parameters) *lock {
	return &lock{recipe: newRecipe(p), keys: []string{randomString(newKey)}}
}
