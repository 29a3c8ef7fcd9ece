//go:build measure

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
)

// How the times of refused logins are sampled.
const (
	sampleSize  = 200 // logins of each kind
	timedAtOnce = 160
	timedPace   = 5 * time.Millisecond
)

// TestMeasure_RefusedLoginsTakeAlike times logins that are refused for reasons which a stranger must not learn, each from a source of its
// own, mixed at random. A statistic that finds one millisecond (TestAlike) must find nothing. A difference that is there shows in
// every sample; one by chance does not, so that it counts only when it shows twice.
func TestMeasure_RefusedLoginsTakeAlike(t *testing.T) {
	w := newAlikeWorld(t, timedMemory(t))
	differ := w.timed(t, sandbox.IMAP, 0)
	if len(differ) > 0 {
		t.Logf("once more, since these differ: %v", differ)
		again := w.timed(t, sandbox.POP3, 1) // less than 30 of an account in all
		differ = slices.DeleteFunc(differ, func(pair string) bool { return !slices.Contains(again, pair) })
	}
	if len(differ) > 0 {
		t.Errorf("the times tell these apart: %v", differ)
	}
}

// timedMemory lets a hash cost some milliseconds, on a slow machine too: less would not show that it was left out, and with more the
// waiting for turns would hide it.
func timedMemory(t *testing.T) uint32 {
	t.Helper()
	const cost, tried = 3 * time.Millisecond, 2 << 10
	began := time.Now()
	_, err := accounts.Hash(secret.New(scannerCode), accounts.Parameters{Memory: tried, Time: 1, Threads: 1})
	must(t, err)
	return uint32(min(max(tried*int(cost/time.Microsecond)/int(time.Since(began)/time.Microsecond+1), 64), 8<<10))
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

// timedKnock is one login of a sample.
type timedKnock struct {
	knock
	kind string
	n    int
	took time.Duration
}

// sample has every kind of login tried sampleSize times, and returns how long the answers took.
func (w *modernWorld) sample(t *testing.T, protocol sandbox.Protocol, round int) map[string][]time.Duration {
	t.Helper()
	var all []*timedKnock
	for kind, credentials := range alikeKinds {
		for n := range sampleSize {
			k := &timedKnock{knock: knock{protocol: protocol}, kind: kind, n: n}
			k.name, k.password = credentials(n)
			all = append(all, k)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, k := range all {
		k.source = fmt.Sprintf("127.%d.%d.%d", 8+round, i/200, 1+i%200)
	}
	took := map[string][]time.Duration{}
	for batch := range slices.Chunk(all, timedAtOnce) {
		w.time(t, batch)
		for _, k := range batch {
			took[k.kind] = append(took[k.kind], k.took)
		}
	}
	return took
}

// time has a batch of devices log in, one shortly after the other. All have been greeted before, so that no handshake disturbs.
func (w *modernWorld) time(t *testing.T, batch []*timedKnock) {
	t.Helper()
	devices := make([]*client, len(batch))
	var group sync.WaitGroup
	for i, k := range batch {
		group.Go(func() { devices[i] = w.greeted(t, k.knock) })
	}
	group.Wait()
	tick := time.NewTicker(timedPace)
	defer tick.Stop()
	for i, k := range batch {
		<-tick.C
		group.Go(func() {
			var reads string
			reads, k.took = devices[i].present(k.knock)
			if reads != wrongPassword[k.protocol] {
				t.Errorf("%s: the device read %q, want %q", k.kind, reads, wrongPassword[k.protocol])
			}
		})
	}
	group.Wait()
	for _, c := range devices {
		_ = c.Close()
	}
}

func median(s []time.Duration) time.Duration { return slices.Sorted(slices.Values(s))[len(s)/2] }
