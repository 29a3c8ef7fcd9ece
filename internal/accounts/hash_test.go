package accounts_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

func TestHash_WritesWhatItReads(t *testing.T) {
	h := hash(t, "p")
	if !strings.HasPrefix(h, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("got %s", h)
	}
	if again, err := accounts.CheckHash(h); err != nil || again != h {
		t.Errorf("got %s, %v; want %s", again, err, h)
	}
	if h == hash(t, "p") {
		t.Error("two hashes have one salt")
	}
	d := accounts.DefaultParameters()
	if h, err := accounts.Hash(secret.New("p"), accounts.Parameters{}); err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=7168,t=5,p=1$") || d.Memory != 7168 {
		t.Errorf("by default: got %s, %v", h, err)
	}
}

// From the tests of the reference implementation, phc-winner-argon2 (src/test.c).
func TestHash_AgreesWithTheReference(t *testing.T) {
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	got, err := accounts.HashAlike(secret.New("password"), reference)
	if err != nil || got != reference {
		t.Errorf("got %s, %v; want %s", got, err, reference)
	}
}

func TestHash_Faults(t *testing.T) {
	tests := []struct {
		password string
		p        accounts.Parameters
		want     string
	}{
		{"", cheap, "the password is empty"},
		{strings.Repeat("x", 1025), cheap, "longer than 1024 bytes"},
		{"p", accounts.Parameters{Time: 17}, "t=17"},
		{"p", accounts.Parameters{Threads: 5}, "p=5"},
		{"p", accounts.Parameters{Memory: 7}, "m=7 is not between 8"},
		{"p", accounts.Parameters{Memory: 256<<10 + 1}, "m=262145"},
		{"p", accounts.Parameters{Memory: 256 << 10, Time: 16}, "more work"},
	}
	for _, test := range tests {
		_, err := accounts.Hash(secret.New(test.password), test.p)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want …%s…", test.p, err, test.want)
		}
	}
	if _, err := accounts.HashAlike(secret.New("p"), "x"); err == nil {
		t.Error("a hash like no hash was made")
	}
}

func TestParseHash_Refuses(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	good := "$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key
	if _, err := accounts.CheckHash(good); err != nil {
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
		_, err := accounts.CheckHash(test.hash)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want …%s…", test.hash, err, test.want)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("%q: the error quotes it", test.hash)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Add("$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		again, err := accounts.CheckHash(s)
		if err == nil && again != s {
			t.Errorf("%q was read, and written as %q", s, again)
		}
	})
}

func TestGenerate_IsUnbiased(t *testing.T) {
	const length, rounds = 64, 2000
	for _, alphabet := range accounts.Alphabets() {
		counts := make(map[rune]int)
		for range rounds {
			p, err := accounts.Generate(length, alphabet)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Reveal()) != length {
				t.Fatalf("%s: got %d characters, want %d", alphabet, len(p.Reveal()), length)
			}
			for _, c := range p.Reveal() {
				counts[c]++
			}
		}
		if alphabet != accounts.Digits && (counts['l'] > 0 || counts['o'] > 0 || counts['1'] > 0 || counts['0'] > 0) {
			t.Errorf("%s: it has characters that look alike", alphabet)
		}
		// Each is binomial; seven standard deviations are passed once in 10^11 runs. A remainder not thrown away would be off by 1/25.
		mean := float64(length*rounds) / float64(len(counts))
		for c, n := range counts {
			if d := float64(n) - mean; d*d > 49*mean {
				t.Errorf("%s: %q came %d times, want about %.0f", alphabet, c, n, mean)
			}
		}
	}
}

func TestGenerate_Faults(t *testing.T) {
	for _, test := range []struct {
		length   int
		alphabet string
		want     string
	}{
		{8, "hex", `no alphabet is named "hex": take one of digits, letters, alnum`},
		{5, accounts.Digits, "6 to 64 characters, not 5"},
		{65, accounts.Digits, "6 to 64 characters, not 65"},
	} {
		if _, err := accounts.Generate(test.length, test.alphabet); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d of %s: got %v, want …%s…", test.length, test.alphabet, err, test.want)
		}
	}
}

func TestWeak(t *testing.T) {
	tests := []struct {
		password string
		want     []string
	}{
		{"83920174", nil},
		{"kr7wz2mp", nil},
		{"83920", []string{"shorter than 8"}},
		{strings.Repeat("ab", 17), []string{"longer than 32"}},
		{" 83920174", []string{"a blank"}},
		{"straße-83", []string{"beyond ASCII"}},
		{"a\tb5678901", []string{"control characters"}},
		{`a~b"c\d%e{f}`, []string{`~ " \ % { }`}},
		{"00000000", []string{"again and again"}},
		{"", []string{"shorter"}},
	}
	for _, test := range tests {
		got := accounts.Weak(secret.New(test.password))
		if len(got) != len(test.want) {
			t.Errorf("%q: got %q, want %q", test.password, got, test.want)
			continue
		}
		for i, w := range test.want {
			wantContains(t, got[i], w)
		}
	}
}

func BenchmarkHash_Default(b *testing.B) {
	begun := time.Now()
	for b.Loop() {
		if _, err := accounts.Hash(secret.New("p"), accounts.Parameters{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(begun).Milliseconds())/float64(b.N), "ms/hash")
}
