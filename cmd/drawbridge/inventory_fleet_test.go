package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
	"drawbridge/inventory/report"
)

// fleetWorld is a bridge through which the demo's fleet went, with a log.
func fleetWorld(t *testing.T) *modernWorld {
	t.Helper()
	fleet := sandbox.ModernFleet()
	accounts := ""
	for _, a := range sandbox.BridgeAccounts(fleet) {
		accounts += modernAccount(t, a.Login, a.Mailbox, a.Password, "")
	}
	w := newModernWorld(t, modernOptions{accounts: accounts, personality: sandbox.TCPProxy, noScanner: true, logs: talkative})
	for _, d := range fleet {
		if !d.Stranger {
			w.mailbox(sandbox.Account{Address: d.Mailbox, Messages: [][]byte{d.Mail}})
			w.exchange.AddMailboxPermission(d.Mailbox, w.tenant.Applications[0].ObjectID, time.Time{})
		}
	}
	for _, d := range fleet {
		if d.Expect == sandbox.Alerted {
			before := len(w.records.sessions())
			d.Run(t.Context(), sandbox.Target{Address: w.address(d.Protocol, d.STARTTLS), Roots: w.roots, ServerName: "localhost",
				Timeout: patience})
			w.records.next(t, before)
			continue
		}
		w.visit(t, d)
	}
	return w
}

// printed is the inventory as --format json prints it.
func printed(t *testing.T, devices []inventory.Device) string {
	t.Helper()
	var b bytes.Buffer
	must(t, report.JSON(&b, slices.Values(devices)))
	return b.String()
}

// stored is the inventory of the bridge's store, once it has every session that is on record.
func (w *world) stored(t *testing.T) (devices []inventory.Device) {
	t.Helper()
	until(t, "the store to have every session", func() bool {
		must(t, w.bridge.ledger.CatchUp(t.Context()))
		var err error
		devices, _, err = w.bridge.ledger.Devices(t.Context(), inventory.Query{})
		must(t, err)
		var sessions int64
		for _, d := range devices {
			sessions += d.Sessions
		}
		return sessions == int64(len(w.records.sessions()))
	})
	return devices
}

// TestInventory_OfTheFleet: the demo's fleet is told live, and byte for byte the same from its log alone, and from its
// journal alone.
func TestInventory_OfTheFleet(t *testing.T) {
	t.Parallel()
	w := fleetWorld(t)
	must(t, w.bridge.ledger.Set(t.Context(), "127.0.0.1/fax307", map[string]string{"owner": "Radiology", "stage": "warn", "cost": "450"},
		"test"))
	must(t, w.bridge.ledger.Merge(t.Context(), "127.0.0.1/canon2270", "127.0.0.1/alarm", "test"))
	editEverything(t, w.bridge.ledger)
	devices := w.stored(t)
	byID := make(map[string]inventory.Device)
	for _, d := range devices {
		byID[d.ID] = d
	}
	for _, want := range []struct {
		id, readiness, version, blockers string
		sessions                         int64
	}{
		{"127.0.0.1/fax307", "legacy", "1.0", "tls_version key_exchange password_login", 1},
		{"127.0.0.1/helpdesk@contoso.example", "ready", "1.3", "password_login", 1},
		{"127.0.0.1/orders@contoso.example", "legacy", "1.0", "tls_version key_exchange password_login", 1},
		{"127.0.0.1/alarm", "legacy", "", "", 2}, // with what was merged into it
		{"127.0.0.1/-", "", "1.0", "", 4},
	} {
		d := byID[want.id]
		if d.Sessions != want.sessions || want.readiness != "" && d.Readiness != want.readiness ||
			want.version != "" && d.TLSVersion != want.version || want.blockers != "" && strings.Join(d.Blockers, " ") != want.blockers {
			t.Errorf("%s: %d sessions, readiness %s, TLS %s, blockers %v\nwant %+v", want.id, d.Sessions, d.Readiness, d.TLSVersion, d.Blockers,
				want)
		}
	}
	if d := byID["127.0.0.1/fax307"]; d.Owner != "Radiology" || d.Stage != inventory.StageWarn || d.NextStep == "" || len(d.Advice) == 0 {
		t.Errorf("what was set and advised: %+v", d)
	}
	if _, there := byID["127.0.0.1/canon2270"]; there || len(devices) != 12 {
		t.Errorf("%d devices, want 10, a planned one and a stranger, without the one that was merged", len(devices))
	}
	live := printed(t, devices)
	must(t, w.bridge.ledger.Rebuild(t.Context()))
	if got := printed(t, w.stored(t)); got != live {
		t.Errorf("made anew:\n%s\nlive:\n%s", got, live)
	}
	w.end()
	if got := fromFiles(t, w.logFile()); got != live {
		t.Errorf("from the log alone:\n%s\nlive:\n%s", got, live)
	}
	journals, err := filepath.Glob(filepath.Join(w.dataDir(), ledger.JournalFolder, "*.jsonl*"))
	must(t, err)
	if got := fromFiles(t, journals...); got != live {
		t.Errorf("from the journal alone:\n%s\nlive:\n%s", got, live)
	}
}

// editEverything makes every kind of change that people can make, and takes most of them back.
func editEverything(t *testing.T, e inventory.Editor) {
	t.Helper()
	ctx := t.Context()
	for _, err := range []error{
		e.Import(ctx, []string{"10.9.9.1/planned", "10.9.9.2/wrong"}, "test"),
		e.Remove(ctx, "10.9.9.2/wrong", "test"),
		e.Set(ctx, "10.9.9.1/planned", map[string]string{"note": "comes in May", "priority": "high", "category": "medical",
			"deadline": "2027-03-01"}, "test"),
		e.Set(ctx, "10.9.9.1/planned", map[string]string{"note": ""}, "test"),
		e.Merge(ctx, "127.0.0.1/voicemail", "127.0.0.1/fax307", "test"),
		e.Merge(ctx, "127.0.0.1/voicemail", "", "test"),
	} {
		must(t, err)
	}
}

// fromFiles is what `drawbridge inventory --from` prints.
func fromFiles(t *testing.T, files ...string) string {
	t.Helper()
	var out, fault bytes.Buffer
	args := []string{"inventory", "--format", "json"}
	for _, f := range files {
		args = append(args, "--from", f)
	}
	if code := run(t.Context(), args, &out, &fault); code != exitDone {
		t.Fatalf("exit %d: %s", code, fault.String())
	}
	return out.String()
}

// TestInventory_StrangersNamesMakeNoDevices: names that never logged in make no rows, however many.
func TestInventory_StrangersNamesMakeNoDevices(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{})
	for _, name := range []string{"root", "admin@contoso.example", `"><script>alert(1)</script>`} {
		w.try(t, knock{protocol: sandbox.IMAP, source: "127.0.0.9", name: name, password: "guess"})
	}
	devices := w.stored(t)
	if len(devices) != 1 || devices[0].ID != "127.0.0.9/-" || devices[0].Sessions != 3 {
		t.Errorf("got %s, want one source device with 3 sessions", printed(t, devices))
	}
}

// TestInventory_Formats prints the fleet in every format, from the store of a bridge that has ended.
func TestInventory_Formats(t *testing.T) {
	t.Parallel()
	w := fleetWorld(t)
	w.end()
	path := filepath.Join(w.dir, "drawbridge.yaml")
	must(t, os.WriteFile(path, []byte("data_dir: data\n"), 0o600))
	for format, has := range map[string]string{
		"table": "fax307", "json": `{"devices":[`, "csv": "\ufeffid,", "html": "<!DOCTYPE html>",
	} {
		var out, fault bytes.Buffer
		if code := run(t.Context(), []string{"inventory", "--config", path, "--format", format}, &out, &fault); code != exitDone {
			t.Errorf("%s: exit %d: %s", format, code, fault.String())
		}
		if text := out.String(); !strings.Contains(text, has) || !strings.Contains(text, "fax307") {
			t.Errorf("%s has no %q in it: %.300s", format, has, text)
		}
	}
}
