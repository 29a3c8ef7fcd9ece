package web

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"drawbridge/internal/source"
)

func TestGate_HoldsABoundedNumberOfSources(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := newGate(func(context.Context, string) bool { return false }, func() time.Time { return now })
	numbered := func(i int) source.Key {
		return source.KeyOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	for i := range maxSources + 100 {
		g.try(t.Context(), numbered(i), "x")
	}
	if g.sources.Len() != maxSources {
		t.Errorf("%d sources are held", g.sources.Len())
	}
	if g.sources.Get(numbered(0)) != nil {
		t.Error("the source that failed longest ago is still held")
	}
}

func TestGate_ForgetsAfterAnHour(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := newGate(func(context.Context, string) bool { return false }, func() time.Time { return now })
	var nowhere source.Key
	for range 40 {
		g.try(t.Context(), nowhere, "x")
		now = now.Add(longestWait)
	}
	now = now.Add(-1)
	if v, wait := g.try(t.Context(), nowhere, "x"); v != tooMany || wait != 1 {
		t.Errorf("after 40 failures: %v, %v", v, wait)
	}
	now = now.Add(forgetAfter)
	if g.wait(nowhere) != 0 || g.sources.Len() != 0 {
		t.Error("an hour later it still waits")
	}
}

func TestBackOff(t *testing.T) {
	for count, want := range map[int]time.Duration{0: 0, 2: 0, 3: 2 * time.Second, 4: 4 * time.Second, 11: 512 * time.Second, 12: longestWait,
		1 << 30: longestWait} {
		if got := backOff(count); got != want {
			t.Errorf("%d: got %v, want %v", count, got, want)
		}
	}
}

func TestSourceOf(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.1:99": "10.0.0.1", "[::ffff:10.0.0.1]:99": "10.0.0.1", "[2001:db8::1:2:3:4]:5": "2001:db8::/64", "[fe80::1%eth0]:5": "fe80::/64",
		"@": "invalid IP", "": "invalid IP", "printer:5": "invalid IP",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if got := sourceOf(r).String(); got != want {
			t.Errorf("%q: got %s, want %s", remote, got, want)
		}
	}
}

func TestLoginStore_IsBounded(t *testing.T) {
	s := &loginStore{rows: make(map[string]loginRow)}
	soon := time.Now().Add(time.Minute)
	_ = s.Commit("ends first", nil, soon.Add(-time.Second))
	for i := range maxLogins + 50 {
		_ = s.Commit(string(rune(0x4e00+i)), []byte("x"), soon.Add(time.Duration(i)*time.Second))
	}
	if len(s.rows) != maxLogins {
		t.Errorf("%d logins are held", len(s.rows))
	}
	if _, ok, _ := s.Find("ends first"); ok {
		t.Error("the login that ends first did not make room")
	}
	_ = s.Commit("ended", nil, time.Now().Add(-time.Second))
	if _, ok, _ := s.Find("ended"); ok {
		t.Error("a login that ended is found")
	}
}

// Whoever failed too often must not go on guessing at the password that somebody else's login left in memory: looking at
// it there costs nothing, so that it would be the fastest way to guess.
func TestGate_TheRememberedPasswordCannotBeGuessedAt(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := newGate(func(_ context.Context, password string) bool { return password == "right" }, func() time.Time { return now })
	admin, guesser := source.KeyOf(netip.MustParseAddr("10.0.0.1")), source.KeyOf(netip.MustParseAddr("10.0.0.66"))
	if v, _ := g.try(t.Context(), admin, "right"); v != accepted {
		t.Fatalf("the admin's login: %v", v)
	}
	for range freeFailures + 1 + maxEarly {
		g.try(t.Context(), guesser, "wrong")
	}
	if v, wait := g.try(t.Context(), guesser, "right"); v != tooMany || wait != 2*time.Second {
		t.Errorf("a guess while the source has to wait: %v, %v", v, wait)
	}
	if v, _ := g.try(t.Context(), admin, "right"); v != accepted {
		t.Errorf("the admin meanwhile: %v", v)
	}
	now = now.Add(2 * time.Second)
	if v, _ := g.try(t.Context(), guesser, "right"); v != accepted {
		t.Errorf("the right password after the wait: %v", v)
	}
}
