package enrich_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/enrich"
)

// diary is an Options.Learned that keeps what it is told.
type diary struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newDiary() *diary { return &diary{more: make(chan struct{}, 1000)} }

func (d *diary) learned(addr netip.Addr, key, value string) {
	d.mu.Lock()
	d.lines = append(d.lines, fmt.Sprintf("%s %s=%s", addr, key, value))
	d.mu.Unlock()
	d.more <- struct{}{}
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// wait waits until want stands in the diary.
func (d *diary) wait(t *testing.T, want string) {
	t.Helper()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for !slices.Contains(d.all(), want) {
		select {
		case <-d.more:
		case <-late.C:
			t.Fatalf("never told %q, only %q", want, d.all())
		}
	}
}

// start runs an Enricher until the test ends.
func start(t *testing.T, o enrich.Options) *enrich.Enricher {
	t.Helper()
	if o.RegistryDir == "" {
		o.RegistryDir = t.TempDir()
	}
	e := enrich.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return e
}

func address(text string) netip.Addr { return netip.MustParseAddr(text) }
