package limits

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/proxy/login"
)

func TestLimits_ThrottledMailboxIsLeftAloneForTheTimeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(TurnOptions{Upstream: "exchange-online"})
		source := netip.MustParseAddr("10.0.0.1")
		turns.Pause("Scans@contoso.com", PauseTold("a1 BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds"))
		_, err := turns.Enter(t.Context(), source, "scans@contoso.com", true)
		var r *login.Refusal
		if !errors.As(err, &r) || r.Reason != login.Unavailable || !strings.Contains(err.Error(), "throttles this mailbox") {
			t.Fatalf("got %v, want unavailable", err)
		}
		other, err := turns.Enter(t.Context(), source, "fax@contoso.com", true)
		if err != nil {
			t.Fatalf("another mailbox: %v", err)
		}
		other.Leave()
		time.Sleep(89117 * time.Millisecond)
		turn, err := turns.Enter(t.Context(), source, "scans@contoso.com", true)
		if err != nil {
			t.Fatalf("after the time told: %v", err)
		}
		turn.Leave()
	})
}

func TestLimits_BackOffIsReadFromExchangesLines(t *testing.T) {
	for says, want := range map[string]time.Duration{
		"NO Request is throttled. Suggested Backoff Time: 299609 milliseconds": 299609 * time.Millisecond,
		"-ERR request is throttled. suggested backoff time: 5 milliseconds":    5 * time.Millisecond,
		"Suggested Backoff Time: 999999999 milliseconds":                       time.Hour,
		"Suggested Backoff Time: 99999999999999 milliseconds":                  0,
		"NO LOGIN failed.": 0,
		"":                 0,
	} {
		if got := PauseTold(says); got != want {
			t.Errorf("%q: got %s, want %s", says, got, want)
		}
	}
}

// An upstream that throttles whatever it is asked makes no table that grows.
func TestLimits_PausesAreBounded(t *testing.T) {
	turns := NewTurns(TurnOptions{Upstream: "exchange-online"})
	for i := range maxPauses + 10 {
		turns.Pause(fmt.Sprintf("m%d@contoso.com", i), time.Hour)
	}
	if n := turns.paused.Len(); n != maxPauses {
		t.Errorf("%d mailboxes are remembered, want %d", n, maxPauses)
	}
	if turns.pausedUntil("m9@contoso.com") != nil || turns.pausedUntil("m10@contoso.com") == nil {
		t.Error("not the oldest ones went")
	}
}
