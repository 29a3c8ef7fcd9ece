package notices_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/notices"
	"drawbridge/inventory"
)

// TestLook_TellsEachEventOnce goes through a fleet's weeks, with a restart before each look.
func TestLook_TellsEachEventOnce(t *testing.T) {
	w := newWorld(t)
	old := device("10.0.0.1/old", noon.AddDate(0, -1, 0), noon.Add(-time.Hour))
	wasFailing := device("10.0.0.2/failing", noon.AddDate(0, -1, 0), noon.AddDate(0, 0, -3))
	fails(&wasFailing, noon.Add(-time.Hour), "before there were notices")
	wasQuiet := device("10.0.0.3/quiet", noon.AddDate(0, -3, 0), noon.AddDate(0, 0, -15))
	w.devices = []inventory.Device{old, wasFailing, wasQuiet}
	look := func(after time.Duration) { w.pass(w.open(), after) }

	look(time.Minute)
	w.wantLog("what was so before is no news")

	w.devices = append(w.devices, device("10.0.0.4/new", w.now, w.now), device("10.0.0.4/-", w.now, w.now),
		inventory.Device{ID: "10.0.0.5/named", Account: "named"})
	for range 3 {
		look(time.Minute)
	}
	w.wantLog("a new device, no stranger, none that was only named", "device_new 10.0.0.4/new")

	fails(&w.devices[0], w.now, "the upstream does not answer")
	fails(&w.devices[1], w.now, "still")
	look(time.Minute)
	look(30 * time.Hour)
	w.wantLog("failing", "device_failing 10.0.0.1/old", "device_failing 10.0.0.2/failing")

	mended := device("10.0.0.1/old", noon.AddDate(0, -1, 0), w.now)
	w.devices[0] = mended
	look(time.Minute)
	fails(&w.devices[0], w.now, "again")
	look(50 * time.Minute)
	w.wantLog("what comes and goes within an hour is told once")
	w.devices[0] = device("10.0.0.1/old", noon.AddDate(0, -1, 0), w.now)
	look(61 * time.Minute)
	fails(&w.devices[0], w.now, "another day")
	look(time.Minute)
	w.wantLog("a failure after an hour of peace", "device_failing 10.0.0.1/old")

}

func TestLook_ADeviceThatIsQuiet(t *testing.T) {
	w := newWorld(t)
	look := func(after time.Duration) { w.pass(w.open(), after) }
	look(time.Minute)
	w.devices = []inventory.Device{device("10.0.0.4/new", noon.AddDate(0, -1, 0), w.now), device("10.0.0.4/-", w.now, w.now)}
	quietAt := w.now
	w.now = quietAt.Add(14*24*time.Hour - time.Minute)
	look(0)
	w.wantLog("not quiet yet")
	look(2 * time.Minute)
	look(2 * time.Hour)
	w.wantLog("quiet", "device_quiet 10.0.0.4/new")
}

func TestLook_WhatIsMeantIsNoFailure(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	blocked, brownout, never := device("1/blocked", noon.AddDate(0, -1, 0), noon), device("1/brownout", noon.AddDate(0, -1, 0), noon),
		device("1/never", noon.AddDate(0, -1, 0), noon)
	for _, d := range []*inventory.Device{&blocked, &brownout, &never} {
		fails(d, noon.Add(time.Minute), "refused")
	}
	blocked.Stage = inventory.StageBlock
	brownout.Stage, brownout.LastOutcome = inventory.StageBrownout, inventory.OutcomeRefused
	never.LastServed = nil
	w.devices = []inventory.Device{blocked, brownout, never}
	w.pass(n, 2*time.Minute)
	w.wantLog("blocked, in a brownout, never served")
	w.devices[1].LastOutcome = inventory.OutcomeUpstreamFailed
	w.pass(n, 2*time.Minute)
	w.wantLog("in a brownout, but refused by the upstream", "device_failing 1/brownout")
}

// TestLook_ADeviceOfASourceThatWasNotServedForLong fails for the first time all the same.
func TestLook_ADeviceOfASourceThatWasNotServedForLong(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.now = noon.AddDate(0, 2, 0)
	monthly := device("1/monthly", noon.AddDate(0, -1, 0), noon.Add(-time.Hour))
	fails(&monthly, w.now, "changed")
	w.devices = []inventory.Device{monthly}
	w.pass(n, time.Minute)
	w.wantLog("after two months", "device_failing 1/monthly")
}

// TestLook_ALoginThatVerifiesNobody is one of the device that has its name and source, as long as that is not served again.
func TestLook_ALoginThatVerifiesNobody(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.devices = []inventory.Device{device("10.0.0.1/scanner", noon.AddDate(0, -1, 0), noon)}
	fails := func(source, claimed string, outcome inventory.Outcome) {
		n.Recorder().Ended(&inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr(source)}, StartedAt: w.now, Time: w.now,
			Outcome: outcome, Reason: "a wrong name or password", Login: inventory.Login{ClaimedAccount: claimed}})
	}
	w.now = noon.Add(time.Minute)
	fails("10.0.0.1", "other", inventory.OutcomeLoginFailed)
	fails("10.0.0.2", "scanner", inventory.OutcomeLoginFailed)
	fails("10.0.0.1", "", inventory.OutcomeTLSFailed)
	fails("10.0.0.1", "scanner", inventory.OutcomeAbandoned)
	w.pass(n, time.Minute)
	w.wantLog("others, and no failures")
	fails("10.0.0.1", "Scanner", inventory.OutcomeLoginFailed)
	w.pass(n, time.Minute)
	w.pass(n, 3*time.Hour)
	w.pass(n, time.Minute)
	w.wantLog("a wrong password", "device_failing 10.0.0.1/scanner")
	w.devices[0] = device("10.0.0.1/scanner", noon.AddDate(0, -1, 0), w.now)
	w.pass(n, 2*time.Hour)
	fails("10.0.0.1", "scanner", inventory.OutcomeUpstreamFailed)
	w.pass(n, time.Minute)
	w.wantLog("failing anew, after it was served", "device_failing 10.0.0.1/scanner")
}

// TestLook_FailedLoginsAreBounded: names that nobody has displace one another, and are asked for once.
func TestLook_FailedLoginsAreBounded(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.sources.Inventory = counting{w, &asked}
	n := w.open()
	for _, verified := range []string{"", "known"} {
		n.Recorder().Ended(&inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.1")},
			Outcome: inventory.OutcomeLoginFailed, Login: inventory.Login{Account: verified, ClaimedAccount: verified}})
	}
	if w.pass(n, time.Minute); asked != 0 {
		t.Error("the inventory was asked for who said no name, and for who is on record by it")
	}
	for i := range 5000 {
		n.Recorder().Ended(&inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.1")},
			Outcome: inventory.OutcomeLoginFailed, Login: inventory.Login{ClaimedAccount: strconv.Itoa(i)}})
	}
	w.pass(n, time.Minute)
	w.pass(n, time.Minute)
	if asked != notices.MaxClaims {
		t.Errorf("the inventory was asked for %d devices, want %d", asked, notices.MaxClaims)
	}
}

// counting counts how often one device is asked for.
type counting struct {
	*world
	asked *int
}

// Device is the inventory's.
func (c counting) Device(ctx context.Context, id string) (inventory.Device, error) {
	*c.asked++
	return c.world.Device(ctx, id)
}

func TestLook_EndsAndChangesAhead(t *testing.T) {
	w := newWorld(t)
	at := func(days int) time.Time { return noon.AddDate(0, 0, days) }
	w.sources.Certificates = func() []notices.Certificate {
		return []notices.Certificate{{Name: "certificates[0]", Ends: at(10)}, {Name: "certificates[1]"}, {Name: "certificates[2]", Ends: at(300)}}
	}
	w.sources.Secrets = func() []notices.Secret {
		return []notices.Secret{{Upstream: "online", Ends: at(-1)}, {Upstream: "other"}}
	}
	changes, failed := []notices.StageChange{
		{Device: "1/a", At: at(8), Stage: inventory.StageBlock, Rule: "rules[1]"}, {Device: "1/a", At: at(9), Upstream: "online"}}, error(nil)
	w.sources.Ahead = func(_ context.Context, from, to time.Time) (near []notices.StageChange, _ error) {
		for _, c := range changes {
			if c.At.After(from) && !c.At.After(to) {
				near = append(near, c)
			}
		}
		return near, failed
	}
	n := w.open()
	w.pass(n, time.Minute)
	w.wantLog("at first", "secret_ahead online")
	w.pass(n, 30*time.Minute)
	w.now = at(1)
	failed = errors.New("no rules yet")
	w.pass(n, 0)
	w.wantLog("the rules cannot be asked")
	failed = nil
	w.pass(n, time.Minute)
	w.pass(n, time.Minute)
	w.wantLog("8 days ahead of the second change", "stage_ahead 1/a")
	w.pass(w.open(), 24*time.Hour)
	w.pass(w.open(), 2*time.Hour)
	w.wantLog("a week ahead", "stage_ahead 1/a")
	w.pass(w.open(), 25*time.Hour)
	w.pass(w.open(), 2*time.Hour)
	w.wantLog("the certificate", "certificate_ahead certificates[0]")
}

func TestLook_UpstreamStoreAndConfiguration(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.behind = errNotYet
	w.pass(n, time.Minute)
	w.pass(n, 4*time.Minute)
	w.wantLog("a store that is behind for less than 5 minutes")
	w.pass(n, 2*time.Minute)
	w.pass(n, 2*time.Hour)
	w.wantLog("behind", "store_behind")
	w.behind = nil
	w.pass(n, time.Minute)
	w.behind = errNotYet
	w.pass(n, time.Minute)
	w.pass(n, 10*time.Minute)
	w.wantLog("behind again at once")
	w.behind = nil

	w.down = []notices.Down{{Upstream: "online", Since: w.now, Reason: "it does not answer"}}
	w.pass(n, time.Minute)
	w.down[0].Since = w.now
	w.pass(w.open(), time.Minute)
	w.wantLog("an upstream", "upstream_down online")

	n.ConfigRefused("drawbridge.yaml:3:1: drain: wrong\ndrawbridge.yaml:4:1: name: wrong")
	n.ConfigRefused("drawbridge.yaml:3:1: drain: wrong\ndrawbridge.yaml:4:1: name: wrong")
	w.wantLog("a configuration, twice", "config_refused")
	w.pass(n, 2*time.Hour)
	n.ConfigRefused("drawbridge.yaml:3:1: drain: wrong\ndrawbridge.yaml:4:1: name: wrong")
	w.wantLog("and hours later", "config_refused")
}

// TestLook_TextsAreEscapedAndBounded: what devices and upstreams said moves no cursor, and a notice has a bound.
func TestLook_TextsAreEscapedAndBounded(t *testing.T) {
	w := newWorld(t)
	r := &receiver{}
	n := w.open(notices.FakeChannel("r", r.send))
	d := device("10.0.0.1/a\x1b[2J\u202e", noon.Add(time.Second), noon.Add(time.Second))
	d.Owner = "Radiology"
	fails(&d, noon.Add(2*time.Second), "it said\r\nBcc: all "+strings.Repeat("x", 100_000))
	w.devices = []inventory.Device{d}
	w.behind = nil
	w.pass(n, time.Minute)
	if len(r.taken) != 1 || len(r.taken[0].Notices) != 2 {
		t.Fatalf("taken: %+v", r.taken)
	}
	for _, n := range r.taken[0].Notices {
		if strings.ContainsAny(n.Text+n.Device+n.Reason+n.ID, "\x1b\r\n\u202e") || len(n.Text)+len(n.Reason) > 3000 {
			t.Errorf("unescaped or long: %q", n)
		}
		if !strings.Contains(n.Text, `10.0.0.1/a\u001b[2J\u202e (Radiology)`) {
			t.Errorf("the text says not who: %s", n.Text)
		}
	}
}

// TestOpen_ADamagedOutboxIsSetAside, and the bridge starts.
func TestOpen_ADamagedOutboxIsSetAside(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(w.path, []byte(`{"since":`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.pass(w.open(), time.Minute)
	if w.events.FilterMessageSnippet("which notices were told is forgotten").Len() != 1 {
		t.Errorf("logged: %v", w.events.All())
	}
	if _, err := os.Stat(w.path + ".damaged"); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(w.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the outbox: %v, %v", info, err)
	}
}

// TestNotices_AllEventsHaveASubject holds the words of messages and the configuration's events together.
func TestNotices_AllEventsHaveASubject(t *testing.T) {
	for _, event := range config.NoticeEvents() {
		m := notices.Message{Notices: []notices.Notice{{Event: event, Text: "sentence"}}}
		if got := m.Sentences(); len(got) != 1 || got[0] != "sentence" {
			t.Errorf("%s: a message says %q", event, got)
		}
	}
}
