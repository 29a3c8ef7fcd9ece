package web

import (
	"context"
	"fmt"

	"drawbridge/internal/passwordhash"
	"drawbridge/internal/secret"
)

// maxPassword is the longest password that is looked at, in bytes.
const maxPassword = passwordhash.MaxPassword

// Argon2id returns what tells whether a password is the one of a PHC string ($argon2id$v=19$m=…,t=…,p=…$salt$hash). It
// takes some 25 ms and 19 MiB with the parameters that `drawbridge account add` writes, and is safe for concurrent use. No
// error quotes the hash.
func Argon2id(hash secret.Secret) (func(ctx context.Context, password string) bool, error) {
	r, key, err := passwordhash.Parse(hash.Reveal())
	if err != nil {
		return nil, fmt.Errorf("admin.password: %w", err)
	}
	return func(ctx context.Context, password string) bool {
		return ctx.Err() == nil && len(password) <= maxPassword && r.Match(password, key) == 0
	}, nil
}
