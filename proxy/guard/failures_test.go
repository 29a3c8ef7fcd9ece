package guard_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/secret"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

func TestFailures_BackOffThenFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(printer, "here", "scanner1", "wrong")
		for i, s := range []int{0, 2, 4, 8, 15, 15, 15, 15, 15, 15} {
			a.Password = secret.New(fmt.Sprint("wrong", i))
			d.want(a, login.Rejected, time.Duration(s)*time.Second, checked)
		}
		d.want(a, login.Rejected, 0, login.TooManyFailures)
		a.Password = secret.New("right")
		pass(15*time.Minute - time.Second)
		_, err := d.try(a, login.Accepted)
		d.wantReason(err, login.TooManyFailures)
		if !strings.Contains(err.Error(), "10 logins failed within 10m from this source as this account") {
			t.Errorf("the reason is %q", err)
		}
		d.want(attemptOf(printer, "here", "scanner2", "x"), login.Rejected, 0, checked) // another pair
		d.want(attemptOf(stranger, "here", "scanner1", "x"), login.Rejected, 0, checked)
		pass(time.Second)
		d.want(a, login.Accepted, 0, checked)
	})
}

func TestFailures_SuccessAndTimeClearAPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		wrong, right := attemptOf(printer, "here", "Scanner1", "wrong"), attemptOf(printer, "here", "sCANNER1", "right")
		d.want(wrong, login.Rejected, 0, checked)
		d.want(wrong, login.Rejected, 2*time.Second, checked)
		d.want(right, login.Accepted, 4*time.Second, checked)
		d.want(wrong, login.Rejected, 0, checked)
		d.want(right, login.Accepted, 0, checked) // held as verified
		d.want(wrong, login.Rejected, 0, checked)
		pass(10 * time.Minute)
		d.want(wrong, login.Rejected, 0, checked)
	})
}

func TestFailures_NoAnswerCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		for range 20 {
			d.want(attemptOf(printer, "here", "scanner1", "x"), login.NoAnswer, 0, checked)
			d.want(attemptOf(printer, "here", "scanner1", "x"), login.Unsent, 0, checked)
		}
		if active, pairs, sources, accounts, held := d.failures.Sizes(); active+pairs+sources+accounts+held != 0 {
			t.Error("something is remembered")
		}
	})
}

func TestFailures_HeldPasswordNeitherWaitsNorCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		right, wrong := attemptOf(printer, "here", "scanner1", "right"), attemptOf(printer, "here", "scanner1", "wrong")
		d.want(right, login.Accepted, 0, checked)
		for range 10 {
			_, _ = d.try(wrong, login.Rejected)
		}
		d.want(wrong, login.Rejected, 0, login.TooManyFailures)
		other := right
		other.Source = stranger
		d.want(other, login.NoAnswer, 0, checked)
		d.want(right, login.NoAnswer, 0, checked)
		d.want(right, login.Rejected, 0, checked) // not counted, and no longer held
		d.want(right, login.Rejected, 0, login.TooManyFailures)
	})
}

// A password that another source's login left in memory must not be guessed at by a stranger who has to wait: each guess
// would cost nothing and count nowhere.
func TestFailures_HeldPasswordCannotBeGuessedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		right, guess := attemptOf(printer, "here", "scanner1", "right"), attemptOf(stranger, "here", "scanner1", "guess")
		lucky := right
		lucky.Source = stranger
		d.want(right, login.Accepted, 0, checked)
		d.want(guess, login.Rejected, 0, checked)
		d.want(lucky, login.NoAnswer, 2*time.Second, checked) // waits like any other guess
		for range 9 {
			_, _ = d.try(guess, login.Rejected)
		}
		d.want(lucky, login.Rejected, 0, login.TooManyFailures)
		d.want(right, login.NoAnswer, 0, checked) // the printer does not notice
	})
}

func TestFailures_HeldForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		right, wrong := attemptOf(printer, "here", "scanner1", "right"), attemptOf(printer, "here", "scanner1", "wrong")
		d.want(right, login.Accepted, 0, checked)
		pass(24*time.Hour - time.Second)
		d.want(wrong, login.Rejected, 0, checked)
		d.want(right, login.NoAnswer, 0, checked)
		pass(time.Second)
		d.want(right, login.NoAnswer, 2*time.Second, checked)
	})
}

func TestFailures_HeldIsBoundToAccountUpstreamAndKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 1)
		right := attemptOf(printer, "here", "scanner1", "right")
		d.want(right, login.Accepted, 0, checked)
		for name, change := range map[string]func(*guard.Attempt){
			"account":  func(a *guard.Attempt) { a.Account = "scanner2" },
			"upstream": func(a *guard.Attempt) { a.Upstream = "elsewhere" },
			"kind":     func(a *guard.Attempt) { a.Token = true },
			"password": func(a *guard.Attempt) { a.Password = secret.New("Right") },
		} {
			a := right
			change(&a)
			a.Source = netip.MustParseAddr("192.0.2.1")
			_, _ = d.try(attemptOf(a.Source, a.Upstream, a.Account, "first"), login.Rejected)
			if took, _ := d.try(a, login.NoAnswer); took == 0 {
				t.Errorf("another %s is held as verified", name)
			}
			d.want(attemptOf(a.Source, "here", a.Account, "last "+name), login.Accepted, 2*time.Second, checked) // clears the pair
		}
	})
}

func TestFailures_ChecksOfAPairRunOneAfterAnotherAndShareAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		verdict login.Verdict
	}{{"refused", login.Rejected}, {"accepted", login.Accepted}, {"no answer", login.NoAnswer}, {"unsent", login.Unsent}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, 2)
				ctx := t.Context()
				p, q := attemptOf(printer, "here", "scanner1", "p"), attemptOf(printer, "here", "scanner1", "q")
				first := d.running(d.begin(ctx, p))
				other := d.begin(ctx, q)
				same, again := d.begin(ctx, p), d.begin(ctx, p)
				d.waits(other, same, again)
				d.running(d.begin(ctx, attemptOf(stranger, "here", "scanner1", "p"))).Done(login.NoAnswer)
				first.Done(tt.verdict)
				switch tt.verdict {
				case login.Rejected:
					synctest.Wait()
					d.wantReason(same.err, login.BadCredentials)
					d.wantReason(again.err, login.BadCredentials)
					d.waits(other)
					pass(2 * time.Second)
					d.running(other).Done(login.NoAnswer)
					d.want(q, login.NoAnswer, 2*time.Second, checked) // one failure was counted, not three
				case login.Accepted:
					d.running(same)
					d.running(again).Done(login.Accepted)
					d.running(other).Done(login.NoAnswer)
					same.check.Done(login.Accepted)
				default: // the next one asks
					next := d.running(other)
					d.waits(same, again)
					next.Done(login.NoAnswer)
					next = d.running(same)
					d.waits(again)
					next.Done(login.NoAnswer)
					d.running(again).Done(login.NoAnswer)
				}
				if active, _, _, _, _ := d.failures.Sizes(); active != 0 {
					t.Errorf("%d pairs are active", active)
				}
			})
		})
	}
}

func TestFailures_EightDifferentPasswordsOfAPairWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		a := attemptOf(printer, "here", "scanner1", "p")
		first := d.running(d.begin(ctx, a))
		var line []*later
		for i := range 8 {
			for range 2 { // the second one takes no place
				line = append(line, d.begin(ctx, attemptOf(printer, "here", "scanner1", fmt.Sprint("q", i))))
			}
			line = append(line, d.begin(ctx, a)) // nor does the password that is being checked
		}
		d.waits(line...)
		d.want(attemptOf(printer, "here", "scanner1", "q9"), login.NoAnswer, 0, login.TooManyFailures)
		cancel()
		synctest.Wait()
		for _, l := range line {
			if !errors.Is(l.err, context.Canceled) {
				t.Errorf("a session whose context ended got %v", l.err)
			}
		}
		last := d.begin(t.Context(), a)
		d.waits(last)
		first.Done(login.Rejected)
		first.Done(login.Accepted) // changes nothing
		synctest.Wait()
		d.wantReason(last.err, login.BadCredentials)
		d.want(a, login.NoAnswer, 2*time.Second, checked)
	})
}

// After a power cut a device opens all its connections at once, and nobody has verified its password yet.
func TestFailures_ThirtySessionsAtOnceShareOneAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		upstream string
		before   int // failures of the pair
		verdict  login.Verdict
		want     login.Reason
	}{
		"right":                 {"here", 0, login.Accepted, checked},
		"right after failures":  {"here", 3, login.Accepted, checked},
		"right, asked upstream": {"up", 0, login.Accepted, checked},
		"wrong":                 {"here", 0, login.Rejected, login.BadCredentials},
		"wrong, asked upstream": {"up", 0, login.Rejected, login.BadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, 9)
				for i := range tt.before {
					_, _ = d.try(attemptOf(printer, tt.upstream, "scanner1", fmt.Sprint(i)), login.Rejected)
				}
				var all []*later
				for range 30 {
					all = append(all, d.begin(t.Context(), attemptOf(printer, tt.upstream, "scanner1", "p")))
				}
				pass(time.Minute)
				d.running(all[0]).Done(tt.verdict)
				synctest.Wait()
				for _, l := range all[1:] {
					d.wantReason(l.err, tt.want)
					if l.check != nil {
						l.check.Done(tt.verdict)
					}
				}
				if active, _, _, _, _ := d.failures.Sizes(); active != 0 {
					t.Errorf("%d pairs are active", active)
				}
			})
		})
	}
}

// An outage is no answer to share: who waits asks in turn, in a line that no other password is kept out of.
func TestFailures_SessionsThatGotNoAnswerAskInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		var all []*later
		for range 12 {
			all = append(all, d.begin(t.Context(), attemptOf(printer, "up", "scanner1", "p")))
		}
		other := d.begin(t.Context(), attemptOf(printer, "up", "scanner1", "q"))
		for i, l := range all {
			d.running(l).Done(login.Unsent)
			d.waits(all[min(i+2, len(all)):]...)
		}
		d.running(other).Done(login.NoAnswer)
	})
}

func TestFailures_SessionThatLeavesDuringBackOffGivesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		d.want(attemptOf(printer, "here", "scanner1", "p"), login.Rejected, 0, checked)
		ctx, cancel := context.WithCancel(t.Context())
		leaves := d.begin(ctx, attemptOf(printer, "here", "scanner1", "q"))
		stays := d.begin(t.Context(), attemptOf(printer, "here", "scanner1", "r"))
		pass(time.Second)
		cancel()
		d.waits(stays)
		if !errors.Is(leaves.err, context.Canceled) {
			t.Errorf("got %v", leaves.err)
		}
		pass(2*time.Second - 1)
		d.waits(stays)
		pass(1)
		d.running(stays).Done(login.NoAnswer)
	})
}

func TestFailures_SourceIsBannedAfterAHundred(t *testing.T) {
	for _, tt := range []struct{ from, same, known, other string }{
		{"10.20.3.7", "::ffff:10.20.3.7", "", "10.20.3.8"},
		{"2001:db8::1", "2001:db8::ffff", "2001:db8::7", "2001:db8:0:1::1"},
		{"2001:db8::", "2001:db8::1", "2001:db8::7", "2001:db8:0:1::"},
		{"fe80::1%eth0", "fe80::2%eth0", "fe80::7%eth0", "fe80::1%eth1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, 2)
			from := netip.MustParseAddr(tt.from)
			known := attemptOf(netip.MustParseAddr(cmp.Or(tt.known, tt.other)), "here", "known", "right")
			d.want(known, login.Accepted, 0, checked)
			for i := range 100 {
				if _, _, banned := d.failures.Banned(from); banned {
					t.Fatalf("banned after %d", i)
				}
				d.want(attemptOf(from, "here", fmt.Sprint("user", i), "x"), login.Rejected, 0, checked)
			}
			until, why, banned := d.failures.Banned(netip.MustParseAddr(tt.same))
			wantWhy := "100 logins failed within 30m from this source"
			if from.Is6() { // whose neighbours count with it, as long as it had no login
				wantWhy = "100 logins failed within 30m from the IPv6 network (/64) of this source, which had no login yet"
			}
			if !banned || time.Until(until) != 30*time.Minute || why != wantWhy {
				t.Errorf("%s: banned %v until %v: %s", tt.same, banned, until, why)
			}
			d.want(attemptOf(from, "here", "user1000", "x"), login.Rejected, 0, login.TooManyFailures)
			for _, free := range []string{tt.other, known.Source.String()} {
				if _, _, banned := d.failures.Banned(netip.MustParseAddr(free)); banned {
					t.Errorf("%s is banned with it", free)
				}
			}
			known.Password = secret.New("new, and right")
			d.want(known, login.Accepted, 0, checked)
			pass(30 * time.Minute)
			if _, _, banned := d.failures.Banned(from); banned {
				t.Error("still banned after 30 minutes")
			}
		})
	}
}

// Its own failures ban a verified source like any other, and nobody else.
func TestFailures_VerifiedAddressIsBannedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		from, next := netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2001:db8::8")
		known := attemptOf(from, "here", "known", "right")
		d.want(known, login.Accepted, 0, checked)
		for i := range 100 {
			d.want(attemptOf(from, "here", fmt.Sprint("user", i), "x"), login.Rejected, 0, checked)
		}
		if _, _, banned := d.failures.Banned(from); !banned {
			t.Error("a verified source may fail without bound")
		}
		d.want(known, login.NoAnswer, 0, checked) // a session that was there before, with a held password
		if _, _, banned := d.failures.Banned(next); banned {
			t.Error("its /64 is banned with it")
		}
		d.want(attemptOf(next, "here", "user1", "x"), login.Rejected, 0, checked)
	})
}

func TestFailures_AccountServesOnlyKnownSourcesBeyondThirtyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		right := attemptOf(printer, "here", "scanner1", "right")
		d.want(right, login.Accepted, 0, checked)
		for range 5 { // these do not count
			_, _ = d.try(attemptOf(printer, "here", "scanner1", "wrong"), login.Rejected)
		}
		d.want(right, login.Accepted, 0, checked)
		for i := range 30 {
			a := attemptOf(netip.AddrFrom4([4]byte{10, 9, 9, byte(i)}), "here", "SCANNER1", "x")
			d.want(a, login.Rejected, 0, checked)
		}
		d.want(attemptOf(stranger, "here", "scanner1", "right"), login.Accepted, 0, login.BadCredentials)
		d.want(attemptOf(stranger, "here", "scanner2", "right"), login.Accepted, 0, checked)
		d.want(attemptOf(printer, "here", "scanner1", "wrong"), login.Rejected, 0, checked)
		d.want(right, login.Accepted, 0, checked)
		pass(time.Hour)
		d.want(attemptOf(stranger, "here", "scanner1", "right"), login.Accepted, 0, checked)
	})
}

func TestFailures_SharedSourceIsSlowedNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway := netip.MustParseAddr("172.17.0.1")
		d := newDesk(t, 2, gateway)
		known := attemptOf(gateway, "here", "known", "right")
		d.want(known, login.Accepted, 0, checked)
		for range 10 {
			_, _ = d.try(attemptOf(gateway, "here", "known", "wrong"), login.Rejected)
		}
		pass(14 * time.Minute) // too old to count, but the penalty lasts
		d.want(attemptOf(gateway, "here", "known", "wrong"), login.NoAnswer, 15*time.Second, checked)
		for i := range 100 {
			d.want(attemptOf(gateway, "here", fmt.Sprint("never", i), "x"), login.Rejected, 0, checked)
		}
		d.want(attemptOf(gateway, "here", "never1000", "x"), login.Rejected, 0, login.TooManyFailures)
		d.want(known, login.Accepted, 0, checked)
		d.want(attemptOf(gateway, "here", "known", "wrong"), login.Rejected, 0, checked)
		if _, _, banned := d.failures.Banned(gateway); banned {
			t.Error("the gateway is banned")
		}
		pass(30 * time.Minute)
		d.want(attemptOf(gateway, "here", "never1000", "x"), login.Rejected, 0, checked)
	})
}

func TestFailures_MemoryIsBoundedWhateverNamesAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		for i := range 100_000 {
			source := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			_, _ = d.try(attemptOf(source, "up", fmt.Sprintf("name%d@contoso.com", i), "x"), login.Rejected)
		}
		active, pairs, sources, accounts, held := d.failures.Sizes()
		if active != 0 || held != 0 || pairs != guard.MaxTallies || sources != guard.MaxTallies || accounts != guard.MaxTallies {
			t.Errorf("active %d, pairs %d, sources %d, accounts %d, held %d", active, pairs, sources, accounts, held)
		}
		flights, accepted, refused, users := d.guesses.Sizes()
		if flights != 0 || accepted != 0 || refused > 100_000 || users != guard.MaxUsers {
			t.Errorf("flights %d, accepted %d, refused %d, users %d", flights, accepted, refused, users)
		}
		d.want(attemptOf(stranger, "up", "one more", "x"), login.Rejected, 0, login.TooManyFailures)
		d.verified.Record(printer, "known")
		d.want(attemptOf(printer, "up", "known", "x"), login.Rejected, 0, checked)
		pass(31 * time.Minute)
		d.want(attemptOf(stranger, "up", "one more", "x"), login.Rejected, 0, checked)
		if _, _, _, users := d.guesses.Sizes(); users > 2 {
			t.Errorf("%d users are remembered after their time", users)
		}
	})
}

func TestFailures_ManyAtOnce(t *testing.T) {
	v, err := guard.OpenVerified("")
	if err != nil {
		t.Fatal(err)
	}
	g := guard.NewGuesses(guard.GuessOptions{Upstream: "up", Count: 3, Per: time.Minute, Verified: v})
	f := guard.NewFailures(guard.FailureOptions{Verified: v, Guesses: map[string]*guard.Guesses{"up": g}})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				source := netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 8)})
				c, err := f.Begin(ctx, attemptOf(source, "up", fmt.Sprint("user", i%4), fmt.Sprint(n%3)))
				cancel()
				if err == nil {
					c.Done([]login.Verdict{login.Rejected, login.Accepted, login.NoAnswer, login.Unsent}[(i+n)%4])
				}
				f.Banned(source)
				g.Lift(fmt.Sprint("user", n%4))
			}
		})
	}
	all.Wait()
	if active, _, _, _, _ := f.Sizes(); active != 0 {
		t.Errorf("%d pairs are active", active)
	}
	if flights, _, _, _ := g.Sizes(); flights != 0 {
		t.Errorf("%d flights are left", flights)
	}
}

func BenchmarkFailures_KnownDevicePolls(b *testing.B) {
	v, _ := guard.OpenVerified("")
	g := guard.NewGuesses(guard.GuessOptions{Upstream: "up", Count: 2, Per: 30 * time.Minute, Verified: v})
	f := guard.NewFailures(guard.FailureOptions{Verified: v, Guesses: map[string]*guard.Guesses{"up": g}})
	a := attemptOf(printer, "up", "scanner1@contoso.com", "a password of the usual length")
	b.ReportAllocs()
	for b.Loop() {
		c, err := f.Begin(b.Context(), a)
		if err != nil {
			b.Fatal(err)
		}
		c.Done(login.Accepted)
	}
}

// What an address does that never had a verified login delays or refuses no verified one of its /64, and gets nothing that is
// kept for those.
func TestFailures_NeighboursInANetwork(t *testing.T) {
	for _, network := range []string{"2001:db8::%s", "fe80::%s%%eth0"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, 2)
			at := func(host string) netip.Addr { return netip.MustParseAddr(fmt.Sprintf(network, host)) }
			known := attemptOf(at("7"), "up", "scanner1", "right")
			d.want(known, login.Accepted, 0, checked)

			// Of the two guesses the one kept for sources that know the account is not a neighbour's.
			d.want(attemptOf(at("bad:1"), "up", "scanner1", "a"), login.Rejected, 0, checked)
			d.want(attemptOf(at("bad:2"), "up", "scanner1", "b"), login.Rejected, 2*time.Second, login.TooManyFailures)
			d.want(attemptOf(at("7"), "up", "scanner1", "typo"), login.Rejected, 0, checked)

			// The pair of a neighbour and the account is its own, and one with all others of the /64.
			for i := range 10 {
				_, _ = d.try(attemptOf(at(fmt.Sprint("bad:", i)), "here", "scanner1", fmt.Sprint(i)), login.Rejected)
			}
			d.want(attemptOf(at("bad:99"), "here", "scanner1", "x"), login.Rejected, 0, login.TooManyFailures)
			d.want(known, login.Accepted, 0, checked)
			d.want(attemptOf(at("7"), "here", "scanner1", "right here"), login.Accepted, 0, checked)

			// Where an account serves verified sources only, its neighbours are none.
			for i := range 30 {
				a := attemptOf(netip.AddrFrom4([4]byte{10, 9, 9, byte(i)}), "here", "scanner1", "x")
				_, _ = d.try(a, login.Rejected)
			}
			pass(15 * time.Minute)
			d.want(attemptOf(at("bad:100"), "here", "scanner1", "y"), login.Rejected, 0, login.BadCredentials)
			d.want(attemptOf(at("7"), "here", "scanner1", "also right"), login.Accepted, 0, checked)
		})
	}
}

// A new device of a /64 takes part in its neighbours' line until it has logged in, and is alone from then on.
func TestFailures_AddressStandsAloneOnceVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		from, bad := netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2001:db8::bad")
		d.want(attemptOf(bad, "here", "scanner1", "x"), login.Rejected, 0, checked)
		if s := d.failures.Standing(from); s.Known || s.Key.String() != "2001:db8::/64" {
			t.Errorf("a new device stands as %+v", s)
		}
		waiting := d.begin(t.Context(), attemptOf(from, "here", "scanner1", "right"))
		again := d.begin(t.Context(), attemptOf(from, "here", "scanner1", "right"))
		d.waits(waiting, again)
		pass(2 * time.Second)
		d.running(waiting).Done(login.Accepted)
		d.running(again).Done(login.Accepted)
		if s := d.failures.Standing(from); !s.Known || s.Key.String() != "2001:db8::7" {
			t.Errorf("a verified device stands as %+v", s)
		}
		for range 5 {
			_, _ = d.try(attemptOf(bad, "here", "scanner1", "x"), login.Rejected)
		}
		d.want(attemptOf(from, "here", "scanner1", "another"), login.Accepted, 0, checked)
		pass(30 * 24 * time.Hour)
		if s := d.failures.Standing(from); s.Known {
			t.Error("known for more than 30 days")
		}
	})
}

// Whoever has a tenant of their own can get tokens for any name: they verify no source.
func TestFailures_TokenMakesNoSourceKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		a := attemptOf(netip.MustParseAddr("2001:db8::bad"), "up", "scanner1", "token")
		a.Token = true
		d.want(a, login.Accepted, 0, checked)
		if s := d.failures.Standing(a.Source); s.Known || !s.Key.IsNetwork() {
			t.Errorf("it stands as %+v", s)
		}
	})
}

// A token for anna@evil.example, which whoever has a tenant can get, opens nothing for guesses at anna@contoso.com: neither the account
// that is closed to strangers, nor what its failures count as. Tokens for the very name still make that name known for tokens.
func TestFailures_TokenOpensNoOtherSpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 100)
		mallory := netip.MustParseAddr("10.66.0.1")
		token := attemptOf(mallory, "up", "anna@evil.example", "a token")
		token.Token = true
		d.want(token, login.Accepted, 0, checked)
		for i := range 30 { // strangers close the account
			d.want(attemptOf(sourceNumber(i), "here", "anna@contoso.com", "wrong"), login.Rejected, 0, checked)
		}
		d.want(attemptOf(mallory, "here", "anna@contoso.com", "a guess"), login.Rejected, 0, login.BadCredentials)
		token.Account = "anna@contoso.com"
		d.want(token, login.Accepted, 0, login.BadCredentials)
		token.Account = "anna@evil.example" // was let in before
		d.want(token, login.Accepted, 0, checked)
		if d.verified.Has(mallory, "anna@contoso.com") {
			t.Error("a token verified the source for another name")
		}
	})
}
