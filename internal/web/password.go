package web

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"drawbridge/internal/secret"
)

// What a hash may cost: one check takes a second at most.
const (
	maxMemory  = 256 << 10 // KiB
	maxPasses  = 16
	maxThreads = 4
	maxWork    = 1 << 20 // memory times passes
)

// maxPassword is the longest password that is looked at, in bytes.
const maxPassword = 1024

// phc is an argon2id hash and what it was made with (RFC 9106, section 3.1).
type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// Argon2id returns what tells whether a password is the one of a PHC string ($argon2id$v=19$m=…,t=…,p=…$salt$hash). It
// takes some 25 ms and 19 MiB with the parameters that `drawbridge account add` writes, and is safe for concurrent use. No
// error quotes the hash.
func Argon2id(hash secret.Secret) (func(ctx context.Context, password string) bool, error) {
	p, err := parsePHC(hash.Reveal())
	if err != nil {
		return nil, fmt.Errorf("admin.password: %w", err)
	}
	return func(ctx context.Context, password string) bool {
		if ctx.Err() != nil || len(password) > maxPassword {
			return false
		}
		got := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.key)))
		return subtle.ConstantTimeCompare(got, p.key) == 1
	}, nil
}

func parsePHC(s string) (phc, error) {
	var p phc
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return p, errors.New("it is no argon2id hash ($argon2id$v=19$m=…,t=…,p=…$…$…): copy it whole, in quotes")
	}
	_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads)
	if err != nil || fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.passes, p.threads) != parts[3] {
		return p, errors.New("its parameters are not m=…,t=…,p=…: hash the password anew")
	}
	if !p.affordable() {
		return p, errors.New("its parameters cost too much or too little for one login: hash the password anew")
	}
	b64 := base64.RawStdEncoding.Strict()
	var saltErr, keyErr error
	p.salt, saltErr = b64.DecodeString(parts[4])
	p.key, keyErr = b64.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(p.salt) < 8 || len(p.salt) > 64 || len(p.key) < 16 || len(p.key) > 64 {
		return p, errors.New("its salt or hash is not base64 of the right length: copy it whole, in quotes")
	}
	return p, nil
}

func (p phc) affordable() bool {
	return p.passes >= 1 && p.passes <= maxPasses && p.threads >= 1 && p.threads <= maxThreads &&
		p.memory >= 8*uint32(p.threads) && p.memory <= maxMemory && uint64(p.memory)*uint64(p.passes) <= maxWork
}
