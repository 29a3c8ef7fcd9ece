package passwordhash_test

import (
	"strings"
	"testing"

	"drawbridge/internal/passwordhash"
)

var cheap = passwordhash.Parameters{Memory: 8, Time: 1, Threads: 1}

func TestHash_WritesWhatItReads(t *testing.T) {
	hashes := make(map[string]bool)
	for range 2 {
		r, err := passwordhash.NewRecipe(cheap)
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.Hash("p")
		if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=8,t=1,p=1$") {
			t.Errorf("got %s, %v", h, err)
		}
		if again, err := written(h); err != nil || again != h {
			t.Errorf("got %s, %v; want %s", again, err, h)
		}
		if same, key, err := passwordhash.Parse(h); err != nil || same != r || r.Match("p", key) != 0 {
			t.Errorf("%s: the recipe read differs, or the password does not match: %v", h, err)
		}
		hashes[h] = true
	}
	if len(hashes) != 2 {
		t.Error("two hashes have one salt")
	}
	if r, err := passwordhash.NewRecipe(passwordhash.Parameters{}); err != nil || r.Parameters != passwordhash.Default() {
		t.Errorf("by default: got %+v, %v", r.Parameters, err)
	}
}

// written says what is wrong with a PHC string, and writes a good one again.
func written(s string) (again string, err error) {
	r, key, err := passwordhash.Parse(s)
	if err != nil {
		return "", err
	}
	return r.PHC(key), nil
}

// From the tests of the reference implementation, phc-winner-argon2 (src/test.c).
func TestHash_AgreesWithTheReference(t *testing.T) {
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	r, key, err := passwordhash.Parse(reference)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Hash("password"); err != nil || got != reference {
		t.Errorf("got %s, %v; want %s", got, err, reference)
	}
	if got := r.Match("password", "another key", key); got != 1 {
		t.Errorf("the right password matches key %d, want 1", got)
	}
	if got := r.Match("Password", "another key", key); got != -1 {
		t.Errorf("a wrong password matches key %d", got)
	}
}

func TestHash_Faults(t *testing.T) {
	tests := []struct {
		password string
		p        passwordhash.Parameters
		want     string
	}{
		{"", cheap, "the password is empty"},
		{strings.Repeat("x", 1025), cheap, "longer than 1024 bytes"},
		{"p", passwordhash.Parameters{Time: 17}, "t=17"},
		{"p", passwordhash.Parameters{Threads: 5}, "p=5"},
		{"p", passwordhash.Parameters{Memory: 7}, "m=7 is not between 8"},
		{"p", passwordhash.Parameters{Memory: 256<<10 + 1}, "m=262145"},
		{"p", passwordhash.Parameters{Memory: 256 << 10, Time: 16}, "more work"},
	}
	for _, test := range tests {
		r, err := passwordhash.NewRecipe(test.p)
		if err == nil {
			_, err = r.Hash(test.password)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want …%s…", test.p, err, test.want)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	good := "$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key
	if _, err := written(good); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct{ hash, want string }{
		{"", "no argon2id hash"},
		{"argon2id", "no argon2id hash"},
		{replace("argon2id", "argon2i"), "no argon2id hash"},
		{"$2y$10$abcdefghijklmnopqrstuu", "no argon2id hash"},
		{replace("$"+key, ""), "cut"},
		{good + "$", "cut"},
		{replace("v=19", "v=16"), "version"},
		{replace(",p=1", ""), "parameters"},
		{replace("t=1,p=1", "p=1,t=1"), "parameters"},
		{replace("m=8", "m=08"), "parameters"},
		{replace("m=8", "m=+8"), "parameters"},
		{replace("m=8", "m=4294967304"), "parameters"},
		{replace("m=8", "m=300000"), "m=300000"},
		{replace("m=8", "m=0"), "m=0"},
		{replace("t=1", "t=0"), "t=0"},
		{replace("t=1", "t=99"), "t=99"},
		{replace("p=1", "p=0"), "p=0"},
		{replace("p=1", "p=257"), "p=5"}, // 257 must not become 1
		{replace("m=8,t=1,p=1", "m=262144,t=5,p=1"), "more work"},
		{replace(salt, salt+"="), "the salt in it is not base64"},
		{replace(salt, "c29tZXNhbHR"), "the salt in it is not base64"}, // bits behind its end
		{replace(salt, "c29tZX\nNhbHQ"), "the salt in it is not base64"},
		{replace(salt, "c29t"), "the salt in it has 3 bytes"},
		{replace(key, "AAAA"), "the hash in it has 3 bytes"},
		{replace(key, strings.Repeat("A", 88)), "the hash in it has 66 bytes"},
	}
	for _, test := range tests {
		_, err := written(test.hash)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want …%s…", test.hash, err, test.want)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("%q: the error quotes it", test.hash)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Add("$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		again, err := written(s)
		if err == nil && again != s {
			t.Errorf("%q was read, and written as %q", s, again)
		}
	})
}
