package guard_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// sourceNumber are sources that differ, so that no pair's back-off is in the way.
func sourceNumber(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }

func TestGuesses_AtMostCountGoUpPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		d.want(attemptOf(sourceNumber(1), "up", `CONTOSO\Scans`, "one"), login.Rejected, 0, checked)
		pass(time.Minute)
		d.want(attemptOf(sourceNumber(2), "up", "scans@contoso.com", "two"), login.NoAnswer, 0, checked)
		for i, name := range []string{"scans", "SCANS@other.com", `contoso\scans\mailbox`, "scans@contoso.com/mailbox"} {
			d.want(attemptOf(sourceNumber(3+i), "up", name, "right"), login.Accepted, 0, login.TooManyFailures)
		}
		d.want(attemptOf(sourceNumber(9), "up", "scans2", "right"), login.Accepted, 0, checked)
		pass(29*time.Minute - 1)
		_, err := d.try(attemptOf(sourceNumber(10), "up", "scans", "right"), login.Accepted)
		d.wantReason(err, login.TooManyFailures)
		if !strings.Contains(err.Error(), "2 passwords not accepted "+
			"before went up") || !strings.Contains(err.Error(), "upstreams.up.guesses: 2 in 30m") {
			t.Errorf("the reason is %q", err)
		}
		pass(1)
		d.want(attemptOf(sourceNumber(10), "up", "scans", "right"), login.Accepted, 0, checked)
	})
}

func TestGuesses_UnsentAndAcceptedAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		for i := range 5 {
			d.want(attemptOf(sourceNumber(i), "up", "scans", "right"), login.Unsent, 0, checked)
		}
		d.want(attemptOf(sourceNumber(6), "up", "scans", "right"), login.Accepted, 0, checked)
		d.want(attemptOf(sourceNumber(7), "up", "scans", "wrong"), login.Rejected, 0, login.TooManyFailures) // one is kept
		d.want(attemptOf(sourceNumber(6), "up", "scans", "wrong"), login.Rejected, 0, checked)
		d2 := newDesk(t, 1)
		running := d2.running(d2.begin(t.Context(), attemptOf(sourceNumber(1), "up", "scans", "one")))
		d2.want(attemptOf(sourceNumber(2), "up", "scans", "two"), login.Accepted, 0, login.TooManyFailures)
		running.Done(login.Unsent)
		d2.want(attemptOf(sourceNumber(2), "up", "scans", "two"), login.Accepted, 0, checked)
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
		slow.Done(login.Rejected)
		pass(30*time.Minute - 1)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "two"), login.Rejected, 0, login.TooManyFailures)
		pass(1)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "two"), login.Rejected, 0, checked)
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
						reason = login.TooManyFailures
					}
					d.want(attemptOf(sourceNumber(i), "up", "scans", fmt.Sprint("s", i)), login.Rejected, 0, reason)
				}
				for i := tt.strangers; i < tt.count; i++ {
					_, err := d.try(attemptOf(printer, "up", "scans", fmt.Sprint("p", i)), login.Rejected)
					d.wantReason(err, checked)
				}
				_, err := d.try(attemptOf(printer, "up", "scans", "last"), login.Rejected)
				d.wantReason(err, login.TooManyFailures)
				pass(31 * 24 * time.Hour)
				for i := range tt.count {
					d.want(attemptOf(sourceNumber(i), "up", "scans", fmt.Sprint("t", i)), login.Rejected, 0, checked)
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
			d.want(a, login.Rejected, 0, checked)
			pass(time.Duration(m)*time.Minute - 1)
			a.Source = sourceNumber(100 + i)
			d.want(a, login.Accepted, 0, login.BadCredentials)
			d.want(a, login.Accepted, 0, login.BadCredentials) // unchecked: not counted
			pass(1)
		}
		d.want(a, login.Rejected, 0, checked)
		d.guesses.Lift(`CONTOSO\scans`)
		d.want(a, login.Accepted, 2*time.Second, checked)
	})
}

func TestGuesses_AcceptedPasswordAlwaysGoesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		d.want(a, login.Accepted, 0, checked)
		_, _ = d.try(attemptOf(printer, "up", "scans", "one"), login.Rejected)
		_, _ = d.try(attemptOf(printer, "up", "scans", "two"), login.Rejected)
		_, err := d.try(attemptOf(printer, "up", "scans", "three"), login.Rejected)
		d.wantReason(err, login.TooManyFailures)
		d.want(a, login.Accepted, 0, checked)
		pass(25 * time.Hour) // no longer held, but no guess either
		for i := range 2 {
			d.want(attemptOf(printer, "up", "scans", fmt.Sprint("day", i)), login.Rejected, time.Duration(2*i)*time.Second, checked)
		}
		d.want(a, login.Rejected, 4*time.Second, checked)
		for i, m := range []int{5, 30, 60, 120, 240, 360, 360} {
			pass(time.Duration(m)*time.Minute - time.Second)
			_, err := d.try(a, login.Accepted)
			d.wantReason(err, login.BadCredentials)
			pass(time.Second)
			_, _ = d.try(attemptOf(sourceNumber(2*i), "up", "scans", fmt.Sprint(i)), login.Rejected)
			_, _ = d.try(attemptOf(printer, "up", "scans", fmt.Sprint(i, "k")), login.Rejected)
			_, err = d.try(a, login.Rejected)
			d.wantReason(err, checked)
		}
		pass(6 * time.Hour)
		d.want(a, login.Accepted, 0, checked)
		d.want(a, login.Rejected, 0, checked)
		pass(5 * time.Minute)
		d.want(a, login.Accepted, 0, checked)
	})
}

func TestGuesses_AnAcceptedPasswordRefusedWithoutACodeIsAskedTwiceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		for range 2 { // an OK in between begins anew
			d.want(a, login.Accepted, 0, checked)
			for range 2 {
				d.want(a, login.Doubted, 0, checked) // neither counted nor delayed
			}
		}
		d.want(a, login.Doubted, 0, checked)
		d.want(a, login.Accepted, 0, login.BadCredentials)
		pass(5 * time.Minute)
		d.want(a, login.Doubted, 0, checked)
		d.want(a, login.Accepted, 0, login.BadCredentials) // now as ever: for 30 minutes
	})
}

func TestGuesses_DoubtIsForAcceptedPasswordsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		guess := attemptOf(stranger, "up", "scans", "wrong")
		d.want(guess, login.Doubted, 0, checked)
		d.want(guess, login.Accepted, 0, login.BadCredentials) // remembered, as one with a code is
		d.want(attemptOf(stranger, "up", "scans", "other"), login.Doubted, 2*time.Second, checked)
		d.want(attemptOf(printer, "up", "scans", "third"), login.Doubted, 0, login.TooManyFailures) // both were guesses

		right := attemptOf(printer, "up", "fax", "right")
		d.want(right, login.Accepted, 0, checked)
		d.want(right, login.Rejected, 0, checked)
		d.want(right, login.Accepted, 0, login.BadCredentials) // a code is believed at once
	})
}

func TestGuesses_DoubtsAtTheSameTimeAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		d.want(a, login.Accepted, 0, checked)
		var polls []*guard.Check
		for range 5 {
			polls = append(polls, d.running(d.begin(t.Context(), a)))
		}
		for _, c := range polls {
			c.Done(login.Doubted)
		}
		d.want(a, login.Doubted, 0, checked)
		d.want(a, login.Doubted, 0, checked)
		d.want(a, login.Accepted, 0, login.BadCredentials)
	})
}

func TestGuesses_ParallelRefusalsOfAHeldPasswordCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "up", "scans", "right")
		d.want(a, login.Accepted, 0, checked)
		var running []*guard.Check
		for range 20 {
			running = append(running, d.running(d.begin(t.Context(), a)))
		}
		for _, c := range running {
			c.Done(login.Rejected)
		}
		pass(5 * time.Minute)
		first := d.running(d.begin(t.Context(), a)) // asked by one, for all sources
		other := a
		other.Source = stranger
		second := d.begin(t.Context(), other)
		d.waits(second)
		first.Done(login.Accepted)
		d.running(second).Done(login.Accepted)
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
		d.running(fleet[0]).Done(login.Accepted)
		for _, l := range fleet[1:] {
			d.running(l).Done(login.Accepted)
		}
		wrong := [2]*later{}
		e := newDesk(t, 1)
		for i := range wrong {
			wrong[i] = e.begin(t.Context(), attemptOf(sourceNumber(i), "up", "fax", "wrong"))
		}
		e.running(wrong[0]).Done(login.Rejected)
		synctest.Wait()
		e.wantReason(wrong[1].err, login.BadCredentials)
	})
}

func TestGuesses_TokensAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		token := attemptOf(printer, "up", "scans", "token")
		token.Token = true
		for i := range 5 {
			token.Source = sourceNumber(i)
			d.want(token, login.Rejected, 0, checked)
		}
		d.want(token, login.Rejected, 2*time.Second, checked) // but a failure
		d.want(attemptOf(printer, "up", "scans", "right"), login.Accepted, 0, checked)
		if _, accepted, refused, _ := d.guesses.Sizes(); accepted != 1 || refused != 0 {
			t.Errorf("accepted %d, refused %d", accepted, refused)
		}
	})
}

func TestGuesses_LiftGivesNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		d.want(attemptOf(sourceNumber(1), "up", "scans", "wrong"), login.Rejected, 0, checked)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "right"), login.Accepted, 0, login.TooManyFailures)
		d.guesses.Lift("SCANS@contoso.com")
		d.guesses.Lift("nobody")
		d.want(attemptOf(sourceNumber(2), "up", "scans", "right"), login.Accepted, 0, checked)
	})
}

func TestGuesses_WithoutVerified(t *testing.T) {
	g := guard.NewGuesses(guard.GuessOptions{Upstream: "up", Per: time.Minute}) // a count of 0 is 1
	f := guard.NewFailures(guard.FailureOptions{Guesses: map[string]*guard.Guesses{"up": g}})
	c, err := f.Begin(t.Context(), attemptOf(printer, "up", "scans", "right"))
	if err != nil {
		t.Fatal(err)
	}
	c.Done(login.Rejected)
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
	verdict                      login.Verdict
	time                         time.Duration
}

func drawGuessStep(rt *rapid.T) guessStep {
	return guessStep{
		kind:     rapid.IntRange(0, 5).Draw(rt, "kind"),
		source:   rapid.IntRange(0, 3).Draw(rt, "source"),
		name:     rapid.IntRange(0, 2).Draw(rt, "name"),
		password: rapid.IntRange(0, 4).Draw(rt, "password"),
		verdict: rapid.SampledFrom([]login.Verdict{login.Rejected, login.Rejected, login.NoAnswer, login.Unsent, login.Accepted}).Draw(rt,
			"verdict"),
		time: time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute,
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
		w.finish(login.Rejected)
		pass(time.Minute)
	}
	return w.judge(count)
}

// finish ends the login that is under way for longest.
func (w *guessWorld) finish(v login.Verdict) {
	for i, l := range w.begun {
		if !l.done.Load() {
			continue
		}
		w.begun = append(w.begun[:i:i], w.begun[i+1:]...)
		if l.err != nil {
			return
		}
		if !w.accepted[l.id] && v != login.Unsent && v != login.Accepted {
			w.seen = append(w.seen, time.Now())
		}
		if v == login.Accepted {
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
