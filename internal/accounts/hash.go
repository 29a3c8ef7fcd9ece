package accounts

import (
	"strings"

	"drawbridge/internal/passwordhash"
	"drawbridge/internal/secret"
)

// Parameters are what an argon2id hash costs.
type Parameters = passwordhash.Parameters

// DefaultParameters are those with which new passwords are hashed.
func DefaultParameters() Parameters { return passwordhash.Default() }

// Hash returns the PHC string of password, under a new salt. It takes some 25 ms with the default parameters.
func Hash(password secret.Secret, p Parameters) (string, error) {
	r, err := passwordhash.NewRecipe(p)
	if err != nil {
		return "", err
	}
	return r.Hash(password.Reveal())
}

// HashAlike returns the PHC string of password with salt and parameters of another hash: all passwords of one login must
// share them.
func HashAlike(password secret.Secret, like string) (string, error) {
	r, _, err := passwordhash.Parse(like)
	if err != nil {
		return "", err
	}
	return r.Hash(password.Reveal())
}

// lock is a login's passwords, or, for those who are not known, one that nothing opens.
type lock struct {
	recipe passwordhash.Recipe
	keys   []string
	names  []string
	// binding names the login, salt and parameters: a remembered password holds for nothing else.
	binding string
}

// open does the work of one check and returns which password it was, or -1.
func (l *lock) open(password secret.Secret) int { return l.recipe.Match(password.Reveal(), l.keys...) }

// dummy returns a lock that costs what recipes with p cost, and has no key.
func dummy(p Parameters) (*lock, error) {
	r, err := passwordhash.NewRecipe(p)
	return &lock{recipe: r, keys: []string{strings.Repeat("\x00", 32)}}, err
}
