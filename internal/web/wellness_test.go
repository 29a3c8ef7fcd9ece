package web_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// TestOverview_SaysThatAllIsWellOnlyWhereItIs builds the fleets of which something is wrong, and some of which nothing is.
func TestOverview_SaysThatAllIsWellOnlyWhereItIs(t *testing.T) {
	seen, earlier, long := now.Add(-time.Hour), now.Add(-2*time.Hour), now.AddDate(0, 0, -9)
	fax := func(change func(*inventory.Device)) inventory.Device {
		d := inventory.Device{ID: "10.0.0.1/fax", Source: "10.0.0.1", Account: "fax", Stage: inventory.StageBridge, LastSeen: seen,
			LastServed: &seen}
		change(&d)
		return d
	}
	well := fax(func(*inventory.Device) {})
	knock := func(deadline string) inventory.Device {
		return inventory.Device{ID: "10.0.0.2/-", Source: "10.0.0.2", Account: inventory.Stranger, ClaimedAccount: "scanner4", LastSeen: seen,
			LastReason: "the device speaks SSL 3.0 at most", Deadline: deadline, Stage: inventory.StageBridge}
	}
	gone := knock("")
	gone.LastSeen = long
	down := func(o *web.Options) {
		o.Upstreams = func() []watch.Upstream { return []watch.Upstream{{Name: "exchange-online", LastFailure: now}} }
	}
	warned := func(o *web.Options) {
		o.Readiness = func() web.Readiness { return web.Readiness{Warnings: []string{"the disk is full"}} }
	}
	for name, test := range map[string]struct {
		fleet  []inventory.Device
		change func(*web.Options)
		says   string
		clear  bool
	}{
		"no device":      {nil, nil, "No device has connected yet", false},
		"strangers only": {[]inventory.Device{gone}, nil, "No device has logged in yet", false},
		"not served":     {[]inventory.Device{well, knock("")}, nil, "1 source is not served</a>", false},
		"not served, with the reason": {[]inventory.Device{well, knock("")}, nil,
			`10.0.0.2/-</a> (claimed scanner4): the device speaks SSL 3.0 at most`, false},
		"overdue": {[]inventory.Device{fax(func(d *inventory.Device) { d.Deadline = "2026-11-23" })},
			nil, "1 device is overdue</a>", false},
		"a stranger's overdue": {[]inventory.Device{well, knock("2026-11-23")}, nil, "1 device is overdue</a>", false},
		"failing": {[]inventory.Device{fax(func(d *inventory.Device) { d.LastServed = &earlier })},
			nil, "1 device is failing</a>", false},
		"upstream down": {[]inventory.Device{well}, down, "<strong>exchange-online</strong> failed", false},
		"warned":        {[]inventory.Device{well}, warned, "the disk is full", false},
		"due today": {[]inventory.Device{fax(func(d *inventory.Device) { d.Deadline = "2026-11-24" })},
			nil, "No device is overdue", true},
		"well": {[]inventory.Device{well, gone}, nil, "No device is overdue", true},
		"blocked": {[]inventory.Device{fax(func(d *inventory.Device) { d.Stage, d.LastServed = inventory.StageBlock, nil })},
			nil, "1 blocked", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := plain(&memory{now: clock, devices: test.fleet})
			if test.change != nil {
				test.change(&o)
			}
			b := browse(t, o)
			page := b.get("/")
			b.want(page, 200, test.says)
			if clear := strings.Contains(page.body, "No device is overdue, failing or not served."); clear != test.clear {
				t.Errorf("that all is well is said: %v, want %v", clear, test.clear)
			}
		})
	}
}

func TestDevices_MarkWhatIsNotServed(t *testing.T) {
	seen := now.Add(-time.Hour)
	m := &memory{now: clock, devices: []inventory.Device{
		{ID: "10.0.0.1/fax", Source: "10.0.0.1", Account: "fax", LastSeen: seen, LastServed: &seen},
		{ID: "10.0.0.2/-", Source: "10.0.0.2", Account: inventory.Stranger, LastSeen: seen, LastReason: "no suite in common"}}}
	b := browse(t, plain(m))
	page := b.get("/devices")
	b.want(page, 200, "1–2 of 2", "Not served</span>", "no suite in common", "No login yet")
	if n := strings.Count(page.body, "Not served</span>"); n != 1 {
		t.Errorf("%d rows are marked", n)
	}
	b.want(b.get("/"), 200, `<a href="/devices?strangers=only">0</a>`)
	b.want(b.get("/devices?served=no"), 200, "1–1 of 1")
	b.want(b.get("/devices?served=maybe"), 200, "served is no or failing")
	b.want(b.get("/api/devices?served=no"), 200, `"not_served":true`, `"total":1`)
}

// plain is a dashboard without a password, of a bridge that warns of nothing.
func plain(m *memory) web.Options {
	return web.Options{Reader: m, Now: clock, Readiness: func() web.Readiness { return web.Readiness{Ready: true} }}
}
