package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
)

// TestModern_SecondPollCostsNoArgon2 has half of the devices log in twice. Their passwords are remembered, so that the second time costs no
// argon2, and those of the others are not.
func TestModern_SecondPollCostsNoArgon2(t *testing.T) {
	t.Parallel()
	const devices = 20
	fleet := newReturning(t, devices, accounts.Parameters{Memory: 64, Time: 1, Threads: 1})
	w := newModernWorld(t, modernOptions{accounts: fleet.list, noScanner: true})
	for i := range devices {
		w.openMailbox(fleet.mailbox(i))
	}
	fleet.login(w, devices/2)
	fleet.login(w, devices/2)
	if n := fleet.remembered(w); n != devices/2 {
		t.Errorf("%d passwords are remembered, want those of the %d devices that logged in", n, devices/2)
	}
	fleet.wantRemembered(w) // now that all have been checked
}

// returning are devices that a bridge knows, each with an account, a password, a mailbox and an address of its own.
type returning struct {
	t    testing.TB
	n    int
	list string // of accounts, for a configuration
}

func newReturning(t testing.TB, n int, p accounts.Parameters) *returning {
	t.Helper()
	f := &returning{t: t, n: n}
	entries := make([]string, n)
	var group sync.WaitGroup
	for cpu := range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := cpu; i < n; i += runtime.GOMAXPROCS(0) {
				hash, err := accounts.Hash(secret.New(f.password(i)), p)
				if err != nil {
					t.Error(err)
				}
				entries[i] = fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q}\n", f.account(i), f.mailbox(i), hash)
			}
		})
	}
	group.Wait()
	f.list = strings.Join(entries, "")
	return f
}

func (f *returning) account(i int) string  { return fmt.Sprintf("device%d", i) }
func (f *returning) password(i int) string { return fmt.Sprintf("code-%d-%d", i, i*i) }
func (f *returning) mailbox(i int) string  { return fmt.Sprintf("device%d@contoso.example", i) }

// login has the first n devices log in at once. It returns how long each waited from its first byte to its OK. Each leaves when it is in.
func (f *returning) login(w *modernWorld, n int) (waited []time.Duration) {
	f.t.Helper()
	waited = make([]time.Duration, n)
	began := time.Now()
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			f.visit(w, i)
			waited[i] = time.Since(began)
		})
	}
	group.Wait()
	return waited
}

// visit is one device's login.
func (f *returning) visit(w *modernWorld, i int) {
	protocol := bothProtocols[i%2]
	c := dialFrom(f.t, stormSource(i), w.address(protocol, false), 0)
	defer func() { _ = c.Close() }()
	must(f.t, c.SetDeadline(time.Now().Add(2*time.Minute)))
	c.secure(tls.VersionTLS10)
	c.line()
	ok := "a OK"
	if protocol == sandbox.POP3 {
		ok = "+OK"
		c.say("USER " + f.account(i))
		c.line()
		c.say("PASS " + f.password(i))
	} else {
		c.say(fmt.Sprintf("a LOGIN %s %s", f.account(i), f.password(i)))
	}
	for line := c.line(); !strings.HasPrefix(line, ok); line = c.line() {
		if !strings.HasPrefix(line, "* ") {
			f.t.Errorf("%s read %q, want %s", f.account(i), line, ok)
			return
		}
	}
}

// remembered counts the devices whose password the bridge would take without argon2. It says nothing of devices that were not asked
// before: asking checks, so that it is remembered afterwards.
func (f *returning) remembered(w *modernWorld) (n int) {
	f.t.Helper()
	for i := range f.n {
		id, err := w.bridge.holds().keeper.Verify(context.Background(), accounts.Attempt{Login: f.account(i), Password: secret.New(f.password(i)),
			Source: netip.MustParseAddr("127.9.9.9"), Protocol: string(bothProtocols[i%2])})
		must(f.t, err)
		if id.Remembered {
			n++
		}
	}
	return n
}

func (f *returning) wantRemembered(w *modernWorld) {
	f.t.Helper()
	if n := f.remembered(w); n != f.n {
		f.t.Errorf("%d of %d passwords that were right are remembered, want all", n, f.n)
	}
}
