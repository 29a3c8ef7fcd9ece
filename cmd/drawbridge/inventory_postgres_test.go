package main

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/postgrestest"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// postgres is the one PostgreSQL server of these tests; TestMain stops it.
var postgres postgrestest.Server

// sharedWorld is a bridge that keeps its inventory in a PostgreSQL.
func sharedWorld(t *testing.T, name, dsn string) *world {
	t.Helper()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "scanner@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(strings.Replace(bridgeConfig, "name: test", "name: "+name, 1),
		fmt.Sprintf("inventory: {store: postgres, dsn: %q}\nupstreams:\n", dsn)+
			w.upstream("mail", imap.Address(), pop3.Address(), "limits: {sessions_per_mailbox: 0}")))
	return w
}

// comes logs a device in and out, fails the test where it is not served, and returns the answer to its login.
func (w *world) comes(source string) (reads string) {
	w.t.Helper()
	before := w.records.count("scanner@contoso.example")
	c := dialFrom(w.t, source, w.address(sandbox.IMAP, false), tls.VersionTLS10)
	c.line()
	c.say("a LOGIN scanner@contoso.example right")
	if reads = c.hear("a "); !strings.HasPrefix(reads, "a OK") {
		w.t.Errorf("%s reads %q, want its OK", source, reads)
	}
	must(w.t, c.Close())
	w.records.wait(w.t, "scanner@contoso.example", before+1)
	return reads
}

// counts is how many sessions the inventory has of each device.
func (w *world) counts(t *testing.T) string {
	t.Helper()
	must(t, w.bridge.ledger.CatchUp(t.Context()))
	devices, _, err := w.bridge.ledger.Devices(t.Context(), inventory.Query{})
	must(t, err)
	var list []string
	for _, d := range devices {
		list = append(list, fmt.Sprintf("%s %d", d.ID, d.Sessions))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (w *world) wantCounts(t *testing.T, want string) {
	t.Helper()
	var got string
	until(t, "the inventory to have "+want, func() bool { got = w.counts(t); return got == want })
}

// TestInventory_TwoBridgesOnOnePostgres: each session counts once, also of a device that comes to both bridges, and when
// one of them makes the store anew.
func TestInventory_TwoBridgesOnOnePostgres(t *testing.T) {
	t.Parallel()
	dsn := postgres.Database(t)
	north, south := sharedWorld(t, "north", dsn), sharedWorld(t, "south", dsn)
	for range 3 {
		north.comes("127.0.0.2")
		south.comes("127.0.0.2")
		south.comes("127.0.0.3")
	}
	const all = "127.0.0.2/scanner@contoso.example 6, 127.0.0.3/scanner@contoso.example 3"
	until(t, "both to have told", func() bool { _ = north.counts(t); return south.counts(t) == all })
	must(t, north.bridge.ledger.Set(t.Context(), "127.0.0.3/scanner@contoso.example", map[string]string{"owner": "Radiology"}, "test"))

	must(t, north.bridge.ledger.Rebuild(t.Context()))
	until(t, "the other bridge to have made its part anew", func() bool { _ = south.counts(t); return north.counts(t) == all })
	d, err := south.bridge.ledger.Device(t.Context(), "127.0.0.3/scanner@contoso.example")
	must(t, err)
	if d.Owner != "Radiology" {
		t.Errorf("owner %q, want what was set by the other bridge", d.Owner)
	}
}

// TestInventory_WithoutItsPostgres: while the store is down devices are served, and it catches up later. One that was never
// reached keeps no bridge from starting.
func TestInventory_WithoutItsPostgres(t *testing.T) {
	var server postgrestest.Server
	t.Cleanup(server.Stop)
	dsn := server.Database(t)
	w := sharedWorld(t, "north", dsn)
	w.comes("127.0.0.2")
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 1")

	resume := server.Interrupt(t)
	late := sharedWorld(t, "late", dsn)
	late.comes("127.0.0.9")
	w.comes("127.0.0.2")
	w.comes("127.0.0.3")
	if err := w.bridge.ledger.CatchUp(t.Context()); err == nil {
		t.Error("the store is said to have caught up while its server is down")
	}
	if warnings := strings.Join(w.bridge.warnings(), "; "); !strings.Contains(warnings, "the inventory's store is behind the journal") {
		t.Errorf("warnings %q, want that the store is behind", warnings)
	}
	if err := w.bridge.ledger.Set(t.Context(), "127.0.0.2/scanner@contoso.example", map[string]string{"owner": "x"}, "test"); err == nil {
		t.Error("a change is said to be made that the inventory cannot show")
	} else if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error shows the password: %v", err)
	}

	resume()
	until(t, "both to have caught up", func() bool {
		return late.bridge.ledger.CatchUp(t.Context()) == nil && w.bridge.ledger.CatchUp(t.Context()) == nil
	})
	w.wantCounts(t, "127.0.0.2/scanner@contoso.example 2, 127.0.0.3/scanner@contoso.example 1, 127.0.0.9/scanner@contoso.example 1")
	if warnings := strings.Join(w.bridge.warnings(), "; "); strings.Contains(warnings, "behind") {
		t.Errorf("warnings after it caught up: %q", warnings)
	}
}
