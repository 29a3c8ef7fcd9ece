package guard_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// spellings of one account, whatever they are typed as. Those of login's own table are many more.
var spellings = []string{"root", "Root", "root@x.com", `X\root`, "root%x.com", `"root"@x.com`, "any*root",
	" root", `X\root\shared`, "root@y.com"}

func TestFailures_SpellingsAreOnePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		for i, s := range []int{0, 2, 4, 8, 15, 15, 15, 15, 15, 15} {
			d.want(attemptOf(printer, "here", spellings[i], fmt.Sprint(i)), login.Rejected, time.Duration(s)*time.Second, checked)
		}
		for _, name := range spellings {
			d.want(attemptOf(printer, "here", name, "right"), login.Accepted, 0, login.TooManyFailures)
		}
		d.want(attemptOf(printer, "here", "root2", "right"), login.Accepted, 0, checked)
	})
}

// TestFailures_EntryIsWhatItsNamesCountAs: aliases and a pattern's names are guesses at one password.
func TestFailures_EntryIsWhatItsNamesCountAs(t *testing.T) {
	for _, entry := range []string{"scanner1", "*@contoso.com", "fax*@contoso.com"} {
		t.Run(entry, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, 2)
				by := func(i int) guard.Attempt {
					a := attemptOf(printer, "here", fmt.Sprint("name", i, "@contoso.com"), fmt.Sprint(i))
					a.Entry = entry
					return a
				}
				for i := range 10 {
					_, err := d.try(by(i), login.Rejected)
					d.wantReason(err, checked)
				}
				_, err := d.try(by(10), login.Accepted)
				d.wantReason(err, login.TooManyFailures)
				d.want(attemptOf(printer, "here", "fax@contoso.com", "right"), login.Accepted, 0, checked) // no name of it
			})
		})
	}
}

// TestFailures_SuccessForgivesNoOtherName, or whoever has one mailbox could guess at another without end.
func TestFailures_SuccessForgivesNoOtherName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		own := attemptOf(printer, "here", "anna@a.com", "right")
		for i, s := range []int{0, 2, 4, 8} {
			d.want(attemptOf(printer, "here", "anna@b.com", fmt.Sprint(i)), login.Rejected, time.Duration(s)*time.Second, checked)
			if i == 0 {
				d.want(own, login.Accepted, 2*time.Second, checked)
			} else {
				d.want(own, login.Accepted, 0, checked) // held as verified
			}
		}
		pass(10 * time.Minute)
		d.want(attemptOf(printer, "here", "anna@a.com", "wrong"), login.Rejected, 0, checked)
		d.want(own, login.Accepted, 0, checked) // forgives its own
		d.want(attemptOf(printer, "here", "anna@a.com", "wrong"), login.Rejected, 0, checked)
	})
}

func TestGuesses_SpellingsHaveNoAllowanceOfTheirOwn(t *testing.T) {
	for _, first := range []string{"root", "bob%x.com", `"dan"@x.com`, "x*root"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, 1)
			d.want(attemptOf(sourceNumber(1), "up", first, "one"), login.Rejected, 0, checked)
			user := login.UserOf(first)
			for i, name := range []string{user, user + "@y", `Y\` + user, `"` + user + `"`, user + "%y", "any*" + user, user + "*any"} {
				d.want(attemptOf(sourceNumber(2+i), "up", name, "two"), login.Accepted, 0, login.TooManyFailures)
			}
		})
	}
}

// TestGuesses_MasterUsersAreBothProtected: of a*b it is b's password that Dovecot checks; other servers have them the other way
// round.
func TestGuesses_MasterUsersAreBothProtected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		d.want(attemptOf(sourceNumber(1), "up", "scans*root", "one"), login.Rejected, 0, checked)
		d.want(attemptOf(sourceNumber(2), "up", "scans", "two"), login.Rejected, 0, checked)
		d.want(attemptOf(sourceNumber(3), "up", "scans", "three"), login.Rejected, 0, login.TooManyFailures)
		d.want(attemptOf(sourceNumber(4), "up", "scans*other", "three"), login.Rejected, 0, login.TooManyFailures)
		d.want(attemptOf(sourceNumber(5), "up", "fax*root", "three"), login.Rejected, 0, checked)
		d.want(attemptOf(sourceNumber(6), "up", "root", "four"), login.Rejected, 0, login.TooManyFailures)
		if _, _, _, users := d.guesses.Sizes(); users != 3 {
			t.Errorf("%d users have guesses, want scans, root and fax", users)
		}
		d.guesses.Lift("root")
		d.want(attemptOf(sourceNumber(7), "up", "root", "four"), login.Accepted, 0, checked)
	})
}

// TestVerified_NamesAreTheSameAfterARestart, those of older files too, which have names as they were typed.
func TestVerified_NamesAreTheSameAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "verified.json")
	v := openVerified(t, path)
	f := guard.NewFailures(guard.FailureOptions{Verified: v})
	for i, entry := range []string{"", "*@contoso.com", "fax*@contoso.com"} {
		a := attemptOf(sourceNumber(i), "here", "fax1@contoso.com", "right")
		a.Entry = entry
		c, err := f.Begin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		c.Done(login.Accepted)
	}
	if err := runVerified(v)(); err != nil {
		t.Fatal(err)
	}
	again := openVerified(t, path)
	if pairs, _, sources, _ := again.Sizes(); pairs != 3 || sources != 3 {
		t.Errorf("%d pairs and %d accounts after a restart, want 3 and 3", pairs, sources)
	}
	if !again.Has(sourceNumber(0), `X\fax1`) || again.Has(sourceNumber(1), "fax1@contoso.com") || again.Has(sourceNumber(2), "fax") {
		t.Error("a restart mixes names up")
	}
}
