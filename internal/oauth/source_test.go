package oauth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
)

func TestToken_FiveHundredWaitersMakeOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.delay = time.Second
		s := open(t, e.options())
		var group sync.WaitGroup
		for range 500 {
			group.Go(func() {
				if token, err := s.Token(t.Context(), imap); err != nil || token.Value.Empty() {
					t.Errorf("got %v, %v, want a token", token, err)
				}
			})
		}
		group.Wait()
		if got := e.requests(); got != 1 {
			t.Errorf("requests: got %d, want 1", got)
		}
		if got, want := strings.Fields(e.last().Get("scope"))[0], "https://outlook.office365.com/.default"; got != want {
			t.Errorf("scope: got %q, want %q", got, want)
		}
	})
}

func TestToken_AWaiterWhoLeavesDoesNotCancelTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.delay = 5 * time.Second
		s := open(t, e.options())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := s.Token(ctx, imap); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error: got %v, want the context's", err)
			}
		})
		group.Go(func() { get(t, s, imap) })
		group.Wait()
		if got := e.requests(); got != 1 {
			t.Errorf("requests: got %d, want 1", got)
		}
	})
}

func TestToken_RenewedAheadWhileThePresentOneServes(t *testing.T) {
	tests := []struct {
		name    string
		request oauth.Request
		at      time.Duration // of a token that lives for an hour
		renews  bool
	}{
		{"IMAP with 21 minutes left", imap, 39 * time.Minute, false},
		{"IMAP with 19 minutes left", imap, 41 * time.Minute, true},
		{"POP3 with 19 minutes left", oauth.Request{Protocol: "pop3"}, 41 * time.Minute, false},
		{"POP3 with 4 minutes left", oauth.Request{Protocol: "pop3"}, 56 * time.Minute, true},
		{"an own wish of 30 minutes", oauth.Request{Protocol: "pop3", MinLife: 30 * time.Minute}, 31 * time.Minute, true},
		{"a wish beyond half the life", oauth.Request{Protocol: "imap", MinLife: 50 * time.Minute}, 20 * time.Minute, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEntra(t)
				s := open(t, e.options())
				first := get(t, s, test.request)
				time.Sleep(test.at)
				e.set(func(e *entra) { e.delay = time.Second })
				began := time.Now()
				for range 3 {
					second := get(t, s, test.request)
					if second.Value.Reveal() != first.Value.Reveal() && test.at < 55*time.Minute {
						t.Error("another token came before the renewal was done")
					}
				}
				if took := time.Since(began); took > 0 && test.at < 55*time.Minute {
					t.Errorf("it took %s while the present token served", took)
				}
				time.Sleep(2 * time.Second)
				third := get(t, s, test.request)
				if got := third.Value.Reveal() != first.Value.Reveal(); got != test.renews {
					t.Errorf("renewed: got %v, want %v", got, test.renews)
				}
				want := 1
				if test.renews {
					want = 2
				}
				if got := e.requests(); got != want {
					t.Errorf("requests: got %d, want %d", got, want)
				}
			})
		})
	}
}

func TestToken_NearItsEndWaitsBrieflyForItsSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		first := get(t, s, imap)
		time.Sleep(58 * time.Minute)
		e.set(func(e *entra) { e.delay = 10 * time.Second })
		began := time.Now()
		if got := get(t, s, imap); got.Value.Reveal() != first.Value.Reveal() {
			t.Error("another token came from a request that was still under way")
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s, want 2s", took)
		}
		time.Sleep(9 * time.Second)
		if got := get(t, s, imap); got.Value.Reveal() == first.Value.Reveal() {
			t.Error("the successor was not taken")
		}
	})
}

func TestToken_DyingWhileItsSuccessorIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		first := get(t, s, imap)
		time.Sleep(time.Hour - 11*time.Second)
		e.set(func(e *entra) { e.delay = 5 * time.Second })
		if got := get(t, s, imap); got.Value.Reveal() == first.Value.Reveal() {
			t.Error("a token with 9 s left was given")
		}
	})
}

func TestToken_LastGoodOneServesWhileEntraIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		first := get(t, s, imap)
		e.set(func(e *entra) { e.say = always(&reply{status: 503}) })
		time.Sleep(50 * time.Minute)
		for range 9 {
			if got := get(t, s, imap); got.Value.Reveal() != first.Value.Reveal() {
				t.Error("another token came")
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		fault := fail(t, s, imap, oauth.Unavailable)
		contains(t, fault.Sentence, "exchange-online", "HTTP 503")
		time.Sleep(time.Hour)
		e.set(func(e *entra) { e.say = nil })
		_, _ = s.Token(t.Context(), imap)
		time.Sleep(time.Minute)
		get(t, s, imap)
	})
}

func TestToken_AFailedRequestIsRepeatedAfterTwoSecondsDoubling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.say = always(refusal(401, "invalid_client", 7000222))
		s := open(t, e.options())
		for range 2000 {
			began := time.Now()
			fault := fail(t, s, imap, oauth.SecretExpired)
			if took := time.Since(began); took > 0 {
				t.Fatalf("an error took %s", took)
			}
			contains(t, fault.Sentence, "expired", "client_secret", "app-1", "AADSTS7000222")
			time.Sleep(100 * time.Millisecond)
		}
		var gaps []time.Duration
		for i := 1; i < len(e.times); i++ {
			gaps = append(gaps, e.times[i].Sub(e.times[i-1]).Round(time.Second))
		}
		want := []time.Duration{2, 4, 8, 16, 32, 60, 60}
		if len(gaps) != len(want) {
			t.Fatalf("gaps: got %v, want %v s", gaps, want)
		}
		for i := range want {
			if gaps[i] != want[i]*time.Second {
				t.Errorf("gap %d: got %s, want %d s", i, gaps[i], want[i])
			}
		}
		e.set(func(e *entra) { e.say = nil })
		time.Sleep(time.Minute)
		get(t, s, imap)
	})
}

func TestToken_RetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.say = always(&reply{status: 429, header: map[string]string{"Retry-After": "90"},
			body: `{"error":"temporarily_unavailable","error_codes":[90055]}`})
		s := open(t, e.options())
		fault := fail(t, s, imap, oauth.Throttled)
		if fault.RetryAfter != 90*time.Second || fault.Code != "AADSTS90055" {
			t.Errorf("got %s after %s, want AADSTS90055 after 90s", fault.Code, fault.RetryAfter)
		}
		time.Sleep(89 * time.Second)
		fail(t, s, imap, oauth.Throttled)
		if got := e.requests(); got != 1 {
			t.Fatalf("requests within 89 s: got %d, want 1", got)
		}
		e.set(func(e *entra) { e.say = nil })
		time.Sleep(time.Second)
		get(t, s, imap)
	})
}

func TestToken_SilentEntraEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.delay = time.Hour
		s := open(t, e.options())
		began := time.Now()
		fault := fail(t, s, imap, oauth.Network)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %s, want 30 s at most", took)
		}
		contains(t, fault.Sentence, "entra.test does not answer within 20s")
		e.set(func(e *entra) { e.delay = 0 })
		time.Sleep(2 * time.Second)
		get(t, s, imap)
	})
}

func TestToken_ShortLivedTokensAreNotRenewedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.life = 4 * time.Minute
		s := open(t, e.options())
		for range 600 {
			get(t, s, imap)
			time.Sleep(time.Second)
		}
		if got := e.requests(); got > 6 {
			t.Errorf("requests in ten minutes: got %d, want 6 at most", got)
		}
	})
}

func TestRefused_NextTokenIsAFreshOneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		first := get(t, s, imap)
		e.set(func(e *entra) { e.delay = time.Second })
		for range 2 { // sessions
			if !s.Rejected(first) {
				t.Error("Refused: got false, want a fresh token to come")
			}
		}
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				r := imap
				r.Instead = first
				if got := get(t, s, r); got.Value.Reveal() == first.Value.Reveal() {
					t.Error("the refused token came again")
				}
			})
		}
		group.Wait()
		if got := e.requests(); got != 2 {
			t.Errorf("requests: got %d, want 2", got)
		}
		if !s.Rejected(first) {
			t.Error("Refused of a token that was replaced: got false")
		}
		second := get(t, s, imap)
		if s.Rejected(second) {
			t.Error("Refused of the successor: got true, want false, or it would never end")
		}
		if got := get(t, s, imap); got.Value.Reveal() != second.Value.Reveal() {
			t.Error("the successor no longer serves others")
		}
		r := imap
		r.Instead = second
		contains(t, fail(t, s, r, oauth.Unavailable).Sentence, "doctor")
		time.Sleep(5 * time.Minute)
		if !s.Rejected(second) {
			t.Error("Refused after five minutes: got false")
		}
		if got := get(t, s, imap); got.Value.Reveal() == second.Value.Reveal() || e.requests() != 3 {
			t.Errorf("no fresh token after five minutes, %d requests", e.requests())
		}
	})
}

func TestRefused_WhileEntraIsDownTheOldOneServesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		first := get(t, s, imap)
		e.set(func(e *entra) { e.say = always(&reply{status: 500}) })
		s.Rejected(first)
		r := imap
		r.Instead = first
		fail(t, s, r, oauth.Unavailable)
		if got := get(t, s, imap); got.Value.Reveal() != first.Value.Reveal() {
			t.Error("another token came")
		}
		e.set(func(e *entra) { e.say = nil })
		time.Sleep(2 * time.Second)
		if got := get(t, s, imap); got.Value.Reveal() == first.Value.Reveal() {
			t.Error("the refused token was never replaced")
		}
	})
}

func TestClose_EndsRequestsAndTellsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.delay = time.Hour
		s := open(t, e.options())
		var group sync.WaitGroup
		group.Go(func() {
			contains(t, fail(t, s, imap, oauth.Unavailable).Sentence, "stopping")
		})
		synctest.Wait()
		s.Close()
		group.Wait()
		fail(t, s, imap, oauth.Unavailable)
		s.Rejected(oauth.Token{})
	})
}

func TestPause_Doubles(t *testing.T) {
	got := oauth.Pauses(7, 0)
	want := []time.Duration{2, 4, 8, 16, 32, 60, 60}
	for i := range want {
		if got[i] != want[i]*time.Second {
			t.Errorf("pause %d: got %s, want %d s", i, got[i], want[i])
		}
	}
	if got := oauth.Pauses(2, 7*time.Second); got[0] != 7*time.Second || got[1] != 7*time.Second {
		t.Errorf("with Retry-After 7: got %v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "soon": 0, "99999999": time.Hour,
		"Tue, 24 Nov 2026 12:01:00 GMT": time.Minute, "Tue, 24 Nov 2026 11:01:00 GMT": 0, "99999999999999999999": 0,
	}
	for value, want := range tests {
		if got := oauth.RetryAfter(value, now); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}
