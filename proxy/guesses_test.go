package proxy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"drawbridge/proxy"
)

// sourceNumber are sources that differ, so that no pair's back-off is in the way.
func sourceNumber(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }

func TestGuesses_AtMostCountGoUpPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		d.want(attemptOf(sourceNumber(1), "up", `CONTOSO\Scans`, "one"), proxy.Refused, 0, checked)
		pass(time.Minute)
		d.want(attemptOf(sourceNumber(2), "up", "scans@contoso.com", "two"), proxy.NoAnswer, 0, checked)
		for i, name := range []string{"scans", "SCANS@other.com", `contoso\scans\mailbox`, "scans@contoso.com/mailbox"} {
			d.want(attemptOf(sourceNumber(3+i), "up", name, "right"), proxy.Accepted, 0, proxy.TooManyFailures)
		}
		d.want(attemptOf(sourceNumber(9), "up", "scans2", "right"), proxy.Accepted, 0, checked)
		pass(29*time.Minute - 1)
		_, err := d.try(attemptOf(sourceNumber(10), "up", "scans", "right"), proxy.Accepted)
		d.wantReason(err, proxy.TooManyFailures)
		if !strings.Contains(err.Error(), "2 passwords not accepted before went up") || !strings.Contains(err.Error(), "upstreams.up.guesses: 2 in 30m") {
			t.Errorf("the reason is %q", err)
		}
		pass(1)
		d.want(attemptOf(sourceNumber(10), "up", "scans", "right"), proxy.Accepted, 0, checked)
	})
}

func TestGuesses_UnsentAndAcceptedAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		for i := range 5 {
			d.want(attemptOf(sourceNumber(i), "up", "scans", "right"), proxy.Unsent, 0, checked)
		}
		d.want(attemptOf(sourceNumber(6), "up", "scans", "right"), proxy.Accepted, 0, checked)
		d.want(attemptOf(sourceNumber(7), "up", "scans", "wrong"), proxy.Refused, 0, proxy.TooManyFailures) // one is kept
		d.want(attemptOf(sourceNumber(6), "up", "scans", "wrong"), proxy.Refused, 0, checked)
		d2 := newDesk(t, 1)
		running := d2.running(d2.begin(t.Context(), attemptOf(sourceNumber(1), "up", "scans", "one")))
		d2.want(attemptOf(sourceNumber(2), "up", "scans", "two"), proxy.Accepted, 0, proxy.TooManyFailures)
		running.Done(proxy.Unsent)
		d2.want(attemptOf(sourceNumber(2), "up", "scans", "two"), proxy.Accepted, 0, checked)
		if _, _, _, users := d2.guesses.Sizes(); users != 0 {
			t.Errorf("%d users are remembered", users)
		}
	})
}

func TestGuesses_CountFromTheirAnswerSinceTheyMayHaveGoneUpLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		slow := d.running(d.begin(t.Context(), attemptOf(sourceNumber(1), "up", "scans", "one")))
		pass(20 * time.Minute)
		slow.Done(proxy.Refused)
		pass(30*time.Minute - 1)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "two"), proxy.Refused, 0, proxy.TooManyFailures)
		pass(1)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "two"), proxy.Refused, 0, checked)
	})
}

func TestGuesses_HalfIsKeptForVerifiedSources(t *testing.T) {
	for _, tt := range []struct{ count, strangers int }{{1, 0}, {2, 1}, {3, 1}, {5, 2}} {
		t.Run(fmt.Sprint(tt.count), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, tt.count)
				d.verified.Record(printer, "scans@contoso.com")
				for i := range tt.count {
					reason := checked
					if i >= tt.strangers {
						reason = proxy.TooManyFailures
					}
					d.want(attemptOf(sourceNumber(i), "up", "scans", fmt.Sprint("s", i)), proxy.Refused, 0, reason)
				}
				for i := tt.strangers; i < tt.count; i++ {
					_, err := d.try(attemptOf(printer, "up", "scans", fmt.Sprint("p", i)), proxy.Refused)
					d.wantReason(err, checked)
				}
				_, err := d.try(attemptOf(printer, "up", "scans", "last"), proxy.Refused)
				d.wantReason(err, proxy.TooManyFailures)
				pass(31 * 24 * time.Hour)
				for i := range tt.count {
					d.want(attemptOf(sourceNumber(i), "up", "scans", fmt.Sprint("t", i)), proxy.Refused, 0, checked)
				}
			})
		})
	}
}

func TestGuesses_RefusedPasswordIsRememberedTwiceAsLongEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 100)
		a := attemptOf(sourceNumber(0), "up", "scans", "wrong")
		for i, m := range []int{15, 30, 60, 120, 240, 360, 360} {
			a.Source = sourceNumber(i)
			d.want(a, proxy.Refused, 0, checked)
			pass(time.Duration(m)*time.Minute - 1)
			a.Source = sourceNumber(100 + i)
			d.want(a, proxy.Accepted, 0, proxy.BadCredentials)
			d.want(a, proxy.Accepted, 0, proxy.BadCredentials) // unchecked: not counted
			pass(1)
		}
		d.want(a, proxy.Refused, 0, checked)
		d.guesses.Lift(`CONTOSO\scans`)
		d.want(a, proxy.Accepted, 2*time.Second, checked)
	})
}

func TestGuesses_AcceptedPasswordAlwaysGoesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		d.want(a, proxy.Accepted, 0, checked)
		_, _ = d.try(attemptOf(printer, "up", "scans", "one"), proxy.Refused)
		_, _ = d.try(attemptOf(printer, "up", "scans", "two"), proxy.Refused)
		_, err := d.try(attemptOf(printer, "up", "scans", "three"), proxy.Refused)
		d.wantReason(err, proxy.TooManyFailures)
		d.want(a, proxy.Accepted, 0, checked)
		pass(25 * time.Hour) // no longer held, but no guess either
		for i := range 2 {
			d.want(attemptOf(printer, "up", "scans", fmt.Sprint("day", i)), proxy.Refused, time.Duration(2*i)*time.Second, checked)
		}
		d.want(a, proxy.Refused, 4*time.Second, checked)
		for i, m := range []int{5, 30, 60, 120, 240, 360, 360} {
			pass(time.Duration(m)*time.Minute - time.Second)
			_, err := d.try(a, proxy.Accepted)
			d.wantReason(err, proxy.BadCredentials)
			pass(time.Second)
			_, _ = d.try(attemptOf(sourceNumber(2*i), "up", "scans", fmt.Sprint(i)), proxy.Refused)
			_, _ = d.try(attemptOf(printer, "up", "scans", fmt.Sprint(i, "k")), proxy.Refused)
			_, err = d.try(a, proxy.Refused)
			d.wantReason(err, checked)
		}
		pass(6 * time.Hour)
		d.want(a, proxy.Accepted, 0, checked)
		d.want(a, proxy.Refused, 0, checked)
		pass(5 * time.Minute)
		d.want(a, proxy.Accepted, 0, checked)
	})
}

func TestGuesses_ParallelRefusalsOfAHeldPasswordCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		d.want(a, proxy.Accepted, 0, checked)
		var running []*proxy.Check
		for range 20 {
			running = append(running, d.running(d.begin(t.Context(), a)))
		}
		for _, c := range running {
			c.Done(proxy.Refused)
		}
		pass(5 * time.Minute)
		first := d.running(d.begin(t.Context(), a)) // asked by one, for all sources
		other := a
		other.Source = stranger
		second := d.begin(t.Context(), other)
		d.waits(second)
		first.Done(proxy.Accepted)
		d.running(second).Done(proxy.Accepted)
	})
}

func TestGuesses_SamePasswordFromOtherSourcesSharesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		fleet := make([]*later, 10)
		for i := range fleet {
			fleet[i] = d.begin(t.Context(), attemptOf(sourceNumber(i), "up", "fax", "right"))
		}
		d.waits(fleet[1:]...)
		d.running(fleet[0]).Done(proxy.Accepted)
		for _, l := range fleet[1:] {
			d.running(l).Done(proxy.Accepted)
		}
		wrong := [2]*later{}
		e := newDesk(t, 1)
		for i := range wrong {
			wrong[i] = e.begin(t.Context(), attemptOf(sourceNumber(i), "up", "fax", "wrong"))
		}
		e.running(wrong[0]).Done(proxy.Refused)
		synctest.Wait()
		e.wantReason(wrong[1].err, proxy.BadCredentials)
	})
}

func TestGuesses_TokensAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		token := attemptOf(printer, "up", "scans", "token")
		token.Token = true
		for i := range 5 {
			token.Source = sourceNumber(i)
			d.want(token, proxy.Refused, 0, checked)
		}
		d.want(token, proxy.Refused, 2*time.Second, checked) // but a failure
		d.want(attemptOf(printer, "up", "scans", "right"), proxy.Accepted, 0, checked)
		if _, accepted, refused, _ := d.guesses.Sizes(); accepted != 1 || refused != 0 {
			t.Errorf("accepted %d, refused %d", accepted, refused)
		}
	})
}

func TestGuesses_LiftGivesNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		d.want(attemptOf(sourceNumber(1), "up", "scans", "wrong"), proxy.Refused, 0, checked)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "right"), proxy.Accepted, 0, proxy.TooManyFailures)
		d.guesses.Lift("SCANS@contoso.com")
		d.guesses.Lift("nobody")
		d.want(attemptOf(sourceNumber(2), "up", "scans", "right"), proxy.Accepted, 0, checked)
	})
}

func TestGuesses_WithoutVerified(t *testing.T) {
	g := proxy.NewGuesses(proxy.GuessOptions{Upstream: "up", Per: time.Minute}) // a count of 0 is 1
	f := proxy.NewFailures(proxy.FailureOptions{Guesses: map[string]*proxy.Guesses{"up": g}})
	c, err := f.Begin(t.Context(), attemptOf(printer, "up", "scans", "right"))
	if err != nil {
		t.Fatal(err)
	}
	c.Done(proxy.Refused)
	if _, err := f.Begin(t.Context(), attemptOf(stranger, "up", "scans", "other")); err == nil {
		t.Error("a second guess goes up")
	}
}

// What the upstream sees, whatever happens in whatever order: in any guesses.per at most guesses.count passwords that it
// had not accepted before.
func TestGuesses_NeverMoreThanCountWhateverTheInterleaving(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(1, 3).Draw(rt, "count")
		steps := rapid.SliceOfN(rapid.Custom(drawGuessStep), 1, 60).Draw(rt, "steps")
		var broken string
		synctest.Test(t, func(t *testing.T) { broken = runGuessSteps(newDesk(t, count), count, steps) })
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}

// guessStep is a login, the end of one that is under way, or time that passes.
type guessStep struct {
	kind, source, name, password int
	verdict                      proxy.Verdict
	time                         time.Duration
}

func drawGuessStep(rt *rapid.T) guessStep {
	return guessStep{
		kind:     rapid.IntRange(0, 5).Draw(rt, "kind"),
		source:   rapid.IntRange(0, 3).Draw(rt, "source"),
		name:     rapid.IntRange(0, 2).Draw(rt, "name"),
		password: rapid.IntRange(0, 4).Draw(rt, "password"),
		verdict:  rapid.SampledFrom([]proxy.Verdict{proxy.Refused, proxy.Refused, proxy.NoAnswer, proxy.Unsent, proxy.Accepted}).Draw(rt, "verdict"),
		time:     time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute,
	}
}

// guessWorld is what happened: which logins wait or are under way, and what the upstream saw when.
type guessWorld struct {
	desk     *desk
	begun    []*guessLogin
	accepted map[string]bool
	seen     []time.Time
}

type guessLogin struct {
	*later
	id string
}

func runGuessSteps(d *desk, count int, steps []guessStep) string {
	w := &guessWorld{desk: d, accepted: map[string]bool{}}
	for _, s := range steps {
		switch s.kind {
		case 0, 1, 2:
			name := []string{"scans", "scans@contoso.com", `CONTOSO\Scans`}[s.name]
			l := d.begin(d.t.Context(), attemptOf(sourceNumber(s.source), "up", name, fmt.Sprint(s.password)))
			w.begun = append(w.begun, &guessLogin{l, fmt.Sprint(strings.ToLower(name), s.password)})
		case 3, 4:
			w.finish(s.verdict)
		case 5:
			pass(s.time)
		}
	}
	for len(w.begun) > 0 {
		w.finish(proxy.Refused)
		pass(time.Minute)
	}
	return w.judge(count)
}

// finish ends the login that is under way for longest.
func (w *guessWorld) finish(v proxy.Verdict) {
	for i, l := range w.begun {
		if !l.done.Load() {
			continue
		}
		w.begun = append(w.begun[:i:i], w.begun[i+1:]...)
		if l.err != nil {
			return
		}
		if !w.accepted[l.id] && v != proxy.Unsent && v != proxy.Accepted {
			w.seen = append(w.seen, time.Now())
		}
		if v == proxy.Accepted {
			w.accepted[l.id] = true
		}
		l.check.Done(v)
		synctest.Wait()
		return
	}
}

func (w *guessWorld) judge(count int) string {
	for i := count; i < len(w.seen); i++ {
		if in := w.seen[i].Sub(w.seen[i-count]); in < 30*time.Minute {
			return fmt.Sprintf("%d guesses went up within %v", count+1, in)
		}
	}
	if flights, _, _, _ := w.desk.guesses.Sizes(); flights != 0 {
		return "a flight is left"
	}
	return ""
}
