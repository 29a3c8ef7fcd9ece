package ledger_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

const (
	scanner = "10.20.3.7/scanner1"
	fax     = "10.20.3.8/fax"
)

// desk is a ledger as a bridge has it, and what it told of.
type desk struct {
	*ledger.Ledger
	t        *testing.T
	recorded []inventory.Change
	sessions int
}

// open opens a ledger in dir, which keeps single sessions for an hour and begins a file of the journal at each write.
func open(t *testing.T, dir string) *desk {
	t.Helper()
	return openWith(t, ledger.Options{Dir: dir, Journal: journal.Options{Rotate: 1}})
}

// openWith opens a ledger of which the rest of the options is ours.
func openWith(t *testing.T, o ledger.Options) *desk {
	t.Helper()
	d := &desk{t: t}
	o.KeepSessions, o.KeepDays, o.Journal.Instance = time.Hour, 400*24*time.Hour, inventory.Instance{Bridge: "bridge-1", Run: "4f2a"}
	o.Record, o.Log = func(c inventory.ChangeLine) { d.recorded = append(d.recorded, c.Change) }, zap.NewNop()
	var err error
	d.Ledger, err = ledger.Open(o)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// start opens a ledger and has its store kept up.
func start(t *testing.T, dir string) *desk {
	t.Helper()
	d := open(t, dir)
	d.Start()
	return d
}

// comes tells of a session of a device that was admitted and has ended.
func (d *desk) comes(device string) {
	source, account := inventory.SplitID(device)
	d.sessions++
	now := time.Now()
	s := &inventory.Session{ID: fmt.Sprintf("%d-%d", now.UnixNano(), d.sessions), Run: "4f2a", Listener: "imaps", Protocol: "imap",
		Source: inventory.Source{IP: netip.MustParseAddr(source)}, Login: inventory.Login{Account: account}, StartedAt: now}
	d.Journal.Admitted(s)
	s.Time, s.Outcome = now, inventory.OutcomeBridged
	d.Journal.Ended(s)
}

// knocks tells of a session without a login from an address.
func (d *desk) knocks(address string, when time.Time) {
	d.sessions++
	d.Journal.Ended(&inventory.Session{ID: fmt.Sprint("knock ", d.sessions), Run: "4f2a", Listener: "imaps", Protocol: "imap",
		Source: inventory.Source{IP: netip.MustParseAddr(address)}, StartedAt: when, Time: when, Outcome: inventory.OutcomeTLSFailed})
}

// counts waits until the store tells of so many sessions of each device.
func (d *desk) counts(want string) {
	d.t.Helper()
	var got string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		must(d.t, d.CatchUp(d.t.Context()))
		devices, _, err := d.Devices(d.t.Context(), inventory.Query{})
		must(d.t, err)
		var list []string
		for _, device := range devices {
			list = append(list, fmt.Sprintf("%s %d", device.ID, device.Sessions))
		}
		slices.Sort(list)
		if got = strings.Join(list, ", "); got == want {
			return
		}
	}
	d.t.Fatalf("the store tells of %q, want %q", got, want)
}

func (d *desk) device(id string) inventory.Device {
	d.t.Helper()
	found, err := d.Device(d.t.Context(), id)
	must(d.t, err)
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
