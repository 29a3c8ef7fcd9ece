package oauth_test

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
)

// wire is the network between a source and its Entra ID, which can be broken.
type wire struct {
	*entra
	mu     sync.Mutex
	broken func() error // nil: it is whole
	tried  []time.Time  // while it was broken
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	broken := w.broken
	if broken != nil {
		w.tried = append(w.tried, time.Now())
	}
	w.mu.Unlock()
	if broken != nil {
		return nil, broken()
	}
	return w.entra.dial(ctx, network, address)
}

func (w *wire) set(broken func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = broken
}

// gaps are the times between the attempts while the wire was broken.
func (w *wire) gaps() (gaps []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.tried); i++ {
		gaps = append(gaps, w.tried[i].Sub(w.tried[i-1]).Round(time.Second))
	}
	return gaps
}

// outages are the ways in which Entra ID is out of reach, how long each attempt lasts, and what the error says.
var outages = map[string]struct {
	broken func() error
	lasts  time.Duration
	says   string
}{
	"down": {says: "connection refused", broken: func() error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}},
	"no such name": {says: "no such host", broken: func() error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "entra.test", IsNotFound: true}}
	}},
	"resolver down": {says: "server misbehaving", broken: func() error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "entra.test", Server: "10.0.0.1:53",
			IsTemporary: true}}
	}},
	"packets lost": {says: "no answer in time", lasts: 10 * time.Second, broken: func() error {
		time.Sleep(10 * time.Second) // as long as a net.Dialer waits here
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}},
}

// TestToken_OutageOfAnHourHeals has a device poll every five seconds while Entra ID is out of reach for an hour, which begins when the
// token at hand has 25 minutes to live. That serves as long as it lives; requests are made at the pace of the back-off whoever
// asks, and the first one that gets through mends all.
func TestToken_OutageOfAnHourHeals(t *testing.T) {
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{entra: newEntra(t)}
				o := w.options()
				o.SetDial(w.dial)
				s := open(t, o)
				first := get(t, s, imap)
				time.Sleep(35 * time.Minute) // the connection is closed long since
				w.set(outage.broken)
				failed := w.poll(t, s, first, time.Now().Add(time.Hour), outage.says)
				if failed < 30 {
					t.Fatalf("%d logins failed, want those of the 35 minutes without a token", failed)
				}
				wantGaps(t, w.gaps(), outage.lasts)
				w.set(nil)
				w.wantHealed(t, s)
			})
		})
	}
}

// poll asks for a token every five seconds until end, and returns how many times there was none.
func (w *wire) poll(t *testing.T, s *oauth.Source, first oauth.Token, end time.Time, says string) (failed int) {
	t.Helper()
	for time.Now().Before(end) {
		began := time.Now()
		if time.Until(first.Expires) > 10*time.Second {
			if got := get(t, s, imap); got.Value.Reveal() != first.Value.Reveal() {
				t.Fatal("another token came while Entra ID was out of reach")
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Fatalf("a login waited %v though the token at hand served", took)
			}
		} else {
			if failed++; t.Failed() {
				t.FailNow()
			}
			contains(t, fail(t, s, imap, oauth.Network).Sentence, "Entra ID gives no token", says)
		}
		time.Sleep(5 * time.Second)
	}
	return failed
}

// wantGaps sees that attempts, which last each, follow the back-off: none sooner, and none much later, since somebody asks every five
// seconds.
func wantGaps(t *testing.T, gaps []time.Duration, lasts time.Duration) {
	t.Helper()
	const asked = 6 * time.Second
	if len(gaps) < 35 {
		t.Fatalf("%d attempts while there was none, want some 55", len(gaps)+1)
	}
	rest := 2 * time.Second
	for i, gap := range gaps {
		if least := rest + lasts; gap < least || gap > least+asked {
			t.Fatalf("attempt %d came after %v, want %v to %v; all: %v", i+1, gap, least, least+asked, gaps)
		}
		rest = min(2*rest, time.Minute)
	}
}

// wantHealed sees that within a minute a login succeeds, by one request.
func (w *wire) wantHealed(t *testing.T, s *oauth.Source) {
	t.Helper()
	back, before := time.Now(), w.requests()
	for {
		token, err := s.Token(t.Context(), imap)
		if err == nil && time.Until(token.Expires) > 59*time.Minute {
			break
		}
		if time.Since(back) > time.Minute {
			t.Fatalf("a minute after Entra ID was back: %v", err)
		}
		time.Sleep(time.Second)
	}
	for range 10 {
		get(t, s, imap)
	}
	if n := w.requests() - before; n != 1 {
		t.Errorf("%d requests, want the first one to mend all", n)
	}
}

// TestRefused_ConsentIsNoticedSoonAtFirst has an upstream refuse every token, as Exchange does until consent is given, and a device try
// every
// five seconds. Another token is fetched after 15 s, then after twice as long each time, up to five minutes: who has just given
// consent does not wait long, and a mailbox that is set up wrongly for days costs few requests. Ten quiet minutes forget.
func TestRefused_ConsentIsNoticedSoonAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		s := open(t, e.options())
		poll := func(span time.Duration) {
			for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(5 * time.Second) {
				if token := get(t, s, imap); s.Rejected(token) {
					r := imap
					r.Instead = token
					get(t, s, r)
				}
			}
		}
		poll(20 * time.Minute)
		gaps := func(from int) (gaps []time.Duration) {
			for i := from; i < len(e.times); i++ {
				gaps = append(gaps, e.times[i].Sub(e.times[i-1]).Round(time.Second))
			}
			return gaps
		}
		want := []time.Duration{0, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute,
			5 * time.Minute}
		if got := gaps(1); !slices.Equal(got, want) {
			t.Errorf("requests came %v after each other, want %v", got, want)
		}
		asked := e.requests()
		time.Sleep(10 * time.Minute)
		poll(20 * time.Second)
		if got := gaps(asked + 1); !slices.Equal(got, want[1:2]) {
			t.Errorf("after ten quiet minutes requests came %v after each other, want %v", got, want[1:2])
		}
	})
}
