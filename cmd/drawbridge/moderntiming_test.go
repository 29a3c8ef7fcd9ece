package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
	"drawbridge/proxy"
)

// How the times of refused logins are sampled.
const (
	sampleSize    = 200 // logins of each kind
	timedAccounts = 20  // that share the wrong passwords: an account closes to strangers after 30
	timedAtOnce   = 100
)

// timedKinds are logins that must not be told apart. n counts up to sampleSize.
var timedKinds = map[string]func(n int) (name, password string){
	"unknown name":                     func(n int) (string, string) { return fmt.Sprintf("nobody%d", n), scannerCode },
	"wrong password":                   func(n int) (string, string) { return timedAccount("printer", n), fmt.Sprintf("wrong%d", n) },
	"wrong password, account blocked":  func(n int) (string, string) { return timedAccount("blocked", n), fmt.Sprintf("wrong%d", n) },
	"right password, account disabled": func(n int) (string, string) { return timedAccount("off", n), scannerCode },
}

func timedAccount(kind string, n int) string { return fmt.Sprintf("%s%d", kind, n%timedAccounts) }

// contact is whom the devices of blocked accounts are told to ask.
const contact = "IT service desk, ext. 4711"

// blocking refuses accounts by stage, behind the check of the password, as a Decider must.
type blocking struct{ proxy.Decider }

// Decide implements proxy.Decider.
func (b blocking) Decide(ctx context.Context, now time.Time, s *inventory.Session, c proxy.Credentials) (proxy.Decision, error) {
	d, err := b.Decider.Decide(ctx, now, s, c)
	if err == nil && strings.HasPrefix(c.Account, "blocked") {
		err = &proxy.Refusal{Reason: proxy.Blocked, Text: contact, Err: fmt.Errorf("stage block")}
	}
	return d, err
}

// TestModern_RefusedLoginsTakeAlike times logins that are refused for reasons which a stranger must not learn, each from a source of its
// own, mixed at random. A statistic that finds one millisecond (TestAlike) must find nothing. A difference that is there shows in
// every sample; one by chance does not, so that it counts only when it shows twice.
func TestModern_RefusedLoginsTakeAlike(t *testing.T) {
	w := newModernWorld(t, modernOptions{accounts: timedList(t), decider: func(d proxy.Decider) proxy.Decider { return blocking{d} }})
	differ := w.timed(t, sandbox.IMAP, 0)
	if len(differ) > 0 {
		t.Logf("once more, since these differ: %v", differ)
		again := w.timed(t, sandbox.POP3, 1) // less than 30 of an account in all
		differ = slices.DeleteFunc(differ, func(pair string) bool { return !slices.Contains(again, pair) })
	}
	if len(differ) > 0 {
		t.Errorf("the times tell these apart: %v", differ)
	}
	for protocol, reads := range map[sandbox.Protocol]string{
		sandbox.IMAP: "NO [CONTACTADMIN] This device may no longer read mail here. " + contact,
		sandbox.POP3: "-ERR [SYS/PERM] This device may no longer read mail here. " + contact,
	} {
		got := w.try(t, knock{protocol: protocol, source: "127.7.0.1", name: "blocked0", password: scannerCode})
		got.want(t, reads, inventory.OutcomeRefused, inventory.PhaseDecide, "stage block")
	}
}

// timedList are the accounts. Their hash costs some milliseconds: less would not show that it was left out, and with more the waiting for
// turns would hide it.
func timedList(t *testing.T) string {
	t.Helper()
	hash, err := accounts.Hash(proxy.NewSecret(scannerCode), accounts.Parameters{Memory: 4 << 10, Time: 1, Threads: 1})
	must(t, err)
	list := ""
	for n := range timedAccounts {
		for _, kind := range []string{"printer", "blocked", "off"} {
			list += fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q, disabled: %t}\n", timedAccount(kind, n), scannerMailbox, hash, kind == "off")
		}
	}
	return list
}

// timed samples every kind and returns the pairs of kinds that the times tell apart.
func (w *modernWorld) timed(t *testing.T, protocol sandbox.Protocol, round int) (differ []string) {
	t.Helper()
	took := w.sample(t, protocol, round)
	kinds := make([]string, 0, len(took))
	for kind, s := range took {
		kinds = append(kinds, kind)
		if least, most := slices.Min(s), slices.Max(s); least < time.Second || most > patience/4 {
			t.Errorf("%s: answers came after %v to %v, want one second and what the machine needs", kind, least, most)
		}
	}
	slices.Sort(kinds)
	for i, a := range kinds {
		for _, b := range kinds[:i] {
			p := alike(took[a], took[b])
			t.Logf("%s: p=%.4f for %s and %s (medians %v, %v)", protocol, p, a, b, median(took[a]), median(took[b]))
			if p <= leastChance {
				differ = append(differ, a+" and "+b)
			}
		}
	}
	return differ
}

// sample has every kind of login tried sampleSize times, and returns how long the answers took.
func (w *modernWorld) sample(t *testing.T, protocol sandbox.Protocol, round int) map[string][]time.Duration {
	t.Helper()
	type timed struct {
		kind string
		n    int
	}
	var all []timed
	took := map[string][]time.Duration{}
	for kind := range timedKinds {
		took[kind] = make([]time.Duration, sampleSize)
		for n := range sampleSize {
			all = append(all, timed{kind, n})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var group sync.WaitGroup
	places := make(chan struct{}, timedAtOnce)
	for i, one := range all {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			k := knock{protocol: protocol, source: fmt.Sprintf("127.%d.%d.%d", 8+round, i/200, 1+i%200)}
			k.name, k.password = timedKinds[one.kind](one.n)
			c, reads, d := w.login(t, k)
			_ = c.Close()
			if reads != wrongPassword[protocol] {
				t.Errorf("%s: the device read %q, want %q", one.kind, reads, wrongPassword[protocol])
			}
			took[one.kind][one.n] = d
		})
	}
	group.Wait()
	return took
}

func median(s []time.Duration) time.Duration { return slices.Sorted(slices.Values(s))[len(s)/2] }
