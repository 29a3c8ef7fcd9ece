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
	if again, err := accounts.HashAlike(secret.New("p"), h); err != nil || again != h {
		t.Errorf("got %s, %v; want %s", again, err, h)
	}
	if h == hash(t, "p") {
		t.Error("two hashes have one salt")
	}
	d := accounts.DefaultParameters()
	if h, err := accounts.Hash(secret.New("p"), accounts.Parameters{}); err != nil ||
		!strings.HasPrefix(h, "$argon2id$v=19$m=7168,t=5,p=1$") || d.Memory != 7168 {
		t.Errorf("by default: got %s, %v", h, err)
	}
}

func TestHash_Faults(t *testing.T) {
	if _, err := accounts.Hash(secret.New("p"), accounts.Parameters{Time: 17}); err == nil ||
		!strings.Contains(err.Error(), "parameters of argon2id: t=17") {
		t.Errorf("got %v", err)
	}
	if _, err := accounts.Hash(secret.New(""), cheap); err == nil || !strings.Contains(err.Error(), "the password is empty") {
		t.Errorf("got %v", err)
	}
	if _, err := accounts.HashAlike(secret.New("p"), "x"); err == nil {
		t.Error("a hash like no hash was made")
	}
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
