package guard_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/secret"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// desk is a Failures with an unprotected upstream, "here", and a protected one, "up", in a bubble of synctest.
type desk struct {
	t        *testing.T
	failures *guard.Failures
	verified *guard.Verified
	guesses  *guard.Guesses
}

func newDesk(t *testing.T, count int, gateways ...netip.Addr) *desk {
	t.Helper()
	v, err := guard.OpenVerified("")
	if err != nil {
		t.Fatal(err)
	}
	g := guard.NewGuesses(guard.GuessOptions{Upstream: "up", Count: count, Per: 30 * time.Minute, Verified: v})
	f := guard.NewFailures(guard.FailureOptions{Verified: v, Guesses: map[string]*guard.Guesses{"up": g}, Gateways: gateways})
	return &desk{t, f, v, g}
}

var (
	printer  = netip.MustParseAddr("10.20.3.7")
	stranger = netip.MustParseAddr("10.20.9.9")
)

func attemptOf(source netip.Addr, upstream, account, password string) guard.Attempt {
	return guard.Attempt{Source: source, Upstream: upstream, Account: account, Password: secret.New(password)}
}

// try makes one check, which is answered at once, and returns how long Begin took and what it said.
func (d *desk) try(a guard.Attempt, v login.Verdict) (time.Duration, error) {
	d.t.Helper()
	start := time.Now()
	c, err := d.failures.Begin(d.t.Context(), a)
	took := time.Since(start)
	if err != nil {
		return took, err
	}
	if got, want := c.NotBefore(), start.Add(took+time.Second); !got.Equal(want) {
		d.t.Errorf("NotBefore is %v after the wait, want 1s", got.Sub(want)+time.Second)
	}
	c.Done(v)
	return took, nil
}

// want tries and compares; reason -1 means that the check was made.
func (d *desk) want(a guard.Attempt, v login.Verdict, wait time.Duration, reason login.Reason) {
	d.t.Helper()
	start := time.Now()
	took, err := d.try(a, v)
	if took != wait {
		d.t.Errorf("%s: Begin took %v, want %v", a.Account, took, wait)
	}
	d.wantReason(err, reason)
	var r *login.Refusal
	if errors.As(err, &r) && r.Reason == login.BadCredentials {
		if got := r.NotBefore.Sub(start); got != wait+time.Second {
			d.t.Errorf("%s: unchecked, but told after %v, want %v", a.Account, got, wait+time.Second)
		}
	}
}

func (d *desk) wantReason(err error, want login.Reason) {
	d.t.Helper()
	var r *login.Refusal
	switch {
	case want == checked:
		if err != nil {
			d.t.Errorf("not checked: %v", err)
		}
	case !errors.As(err, &r):
		d.t.Errorf("got %v, want a refusal with reason %d", err, want)
	case r.Reason != want:
		d.t.Errorf("refused with reason %d (%v), want %d", r.Reason, r, want)
	}
}

const checked = login.Reason(-1)

// later is a Begin that may wait.
type later struct {
	check *guard.Check
	err   error
	done  atomic.Bool
}

func (d *desk) begin(ctx context.Context, a guard.Attempt) *later {
	l := &later{}
	go func() {
		l.check, l.err = d.failures.Begin(ctx, a)
		l.done.Store(true)
	}()
	synctest.Wait()
	return l
}

func (d *desk) running(l *later) *guard.Check {
	d.t.Helper()
	synctest.Wait()
	if !l.done.Load() || l.err != nil {
		d.t.Fatalf("the check does not run: done %v, %v", l.done.Load(), l.err)
	}
	return l.check
}

func (d *desk) waits(all ...*later) {
	d.t.Helper()
	synctest.Wait()
	for i, l := range all {
		if l.done.Load() {
			d.t.Errorf("session %d does not wait: %v", i, l.err)
		}
	}
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
