package web_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"drawbridge/internal/secret"
	"drawbridge/internal/web"
)

func phc(memory, passes uint32, threads uint8, salt, password string, length uint32) string {
	key := argon2.IDKey([]byte(password), []byte(salt), passes, memory, threads, length)
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, passes, threads,
		base64.RawStdEncoding.EncodeToString([]byte(salt)), base64.RawStdEncoding.EncodeToString(key))
}

func TestArgon2id_TellsTheRightPassword(t *testing.T) {
	for _, hash := range []string{
		phc(64, 1, 1, "saltsaltsaltsalt", "correct horse", 32), phc(64, 3, 2, "othersalt", "correct horse", 16),
		phc(19456, 2, 1, "somesaltsomesalt", "correct horse", 32),
	} {
		check, err := web.Argon2id(secret.New(hash))
		if err != nil {
			t.Errorf("%s: %v", hash, err)
			continue
		}
		for password, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false, "correct horse ": false,
			strings.Repeat("x", 2000): false} {
			if got := check(t.Context(), password); got != want {
				t.Errorf("%s with %.20q: got %t", hash, password, got)
			}
		}
	}
}

func TestArgon2id_RefusesOtherHashes(t *testing.T) {
	good := phc(64, 1, 1, "saltsaltsaltsalt", "secret", 32)
	for name, hash := range map[string]string{
		"empty": "", "plain": "secret", "argon2i": strings.Replace(good, "argon2id", "argon2i", 1), "old version": strings.Replace(good, "v=19",
			"v=16", 1),
		"cut": good[:len(good)-30], "no key": good[:strings.LastIndex(good, "$")+1], "huge memory": strings.Replace(good, "m=64", "m=4194304", 1),
		"too many passes": strings.Replace(good, "t=1", "t=99", 1), "no threads": strings.Replace(good, "p=1", "p=0", 1),
		"leading zero": strings.Replace(good, "t=1", "t=01", 1), "more parameters": strings.Replace(good, "p=1", "p=1,keyid=1", 1),
		"padding": good + "=",
	} {
		_, err := web.Argon2id(secret.New(hash))
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if hash != "" && strings.Contains(err.Error(), hash) || !strings.HasPrefix(err.Error(), "admin.password: ") {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

func FuzzArgon2id(f *testing.F) {
	f.Add(phc(64, 1, 1, "saltsaltsaltsalt", "secret", 32))
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, hash string) {
		if _, err := web.Argon2id(secret.New(hash)); err == nil && strings.Count(hash, "$") != 5 {
			t.Errorf("%q is taken", hash)
		}
	})
}
