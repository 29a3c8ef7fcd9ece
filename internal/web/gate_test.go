package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/source"
)

// guesser is a line of its own.
func guesser(i int) line {
	return line{from: source.KeyOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))}
}

func TestGate_HoldsABoundedNumberOfSources(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := newGate(func(context.Context, string) bool { return false }, func() time.Time { return now })
	for i := range maxSources + 100 {
		g.try(t.Context(), guesser(i), "x")
	}
	if g.next.Len() != maxSources || g.next.Get(guesser(0)) != nil {
		t.Errorf("%d sources are held, the first still: %t", g.next.Len(), g.next.Get(guesser(0)) != nil)
	}
}

// TestGate_OneASecondAnAddressAndNoneRefused floods the gate from one address with wrong passwords, and logs in from there
// and from others.
func TestGate_OneASecondAnAddressAndNoneRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int64
		g := newGate(func(_ context.Context, password string) bool {
			checks.Add(1)
			time.Sleep(25 * time.Millisecond)
			return password == "right"
		}, time.Now)
		flood := func(n int) (stop func()) { // n connections, each of which guesses again once it was answered
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					for ctx.Err() == nil {
						g.try(ctx, guesser(1), "guess")
					}
				})
			}
			return func() { cancel(); all.Wait() }
		}
		stop := flood(5)
		time.Sleep(time.Minute)
		if n := checks.Load(); n < 58 || n > 62 {
			t.Errorf("5 connections had %d passwords checked in a minute, want one a second", n)
		}
		stop()
		stop = flood(31) // with one more all that an address may have
		time.Sleep(time.Minute)
		for name, c := range map[string]struct {
			in   line
			most time.Duration
		}{
			"the same address": {guesser(1), longestWait + time.Second},
			"another address":  {guesser(2), 0},
			"a browser that was logged in before, there": {line{browser: "anna"}, 0},
			"another such browser":                       {line{browser: "bob"}, 0},
		} {
			began := time.Now()
			if !g.try(t.Context(), c.in, "right") {
				t.Errorf("%s: the right password is refused", name)
			}
			if took := time.Since(began).Truncate(time.Second); took > c.most {
				t.Errorf("%s waits %v, want %v at most", name, took, c.most)
			}
		}
		stop()
	})
}

// TestGate_TheRememberedPasswordCannotBeGuessedAt: looking at the password that somebody's login left in memory costs nothing,
// so that it would be the fastest way to guess.
func TestGate_TheRememberedPasswordCannotBeGuessedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(func(_ context.Context, password string) bool { return password == "right" }, time.Now)
		g.try(t.Context(), guesser(1), "right")
		began := time.Now()
		var all sync.WaitGroup
		for i := range 9 {
			all.Go(func() { g.try(t.Context(), guesser(2), fmt.Sprint("guess ", i)) })
		}
		synctest.Wait() // each takes its second
		all.Go(func() {
			if !g.try(t.Context(), guesser(2), "right") || time.Since(began) < 8*time.Second {
				t.Errorf("the tenth guess is answered after %v", time.Since(began))
			}
		})
		all.Go(func() {
			if !g.try(t.Context(), guesser(1), "right") || time.Since(began) > 0 {
				t.Errorf("a poll of another address waits %v", time.Since(began))
			}
		})
		all.Wait()
	})
}

func TestSeal_KnowsItsOwnCookiesAlone(t *testing.T) {
	w := httptest.NewRecorder()
	newSeal([]byte("key"), false).remember(w, httptest.NewRequest(http.MethodGet, "/", nil))
	value := w.Result().Cookies()[0].Value
	known := func(key, value string) bool {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: "drawbridge_browser", Value: value})
		return newSeal([]byte(key), false).browser(r) != ""
	}
	if !known("key", value) {
		t.Error("a browser is not known again after a restart")
	}
	for _, wrong := range []string{"", "x", value[1:], value + "A", "A" + value[1:], value[:len(value)-3] + "---"} {
		if known("key", wrong) {
			t.Errorf("%q passes for a browser that was logged in", wrong)
		}
	}
	if known("another", value) || known("", value) {
		t.Error("the cookie of another password holds still")
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
