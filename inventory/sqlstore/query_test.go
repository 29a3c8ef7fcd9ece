package sqlstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// fleet is what the queries are asked of. In the ids the account is what tells them apart.
func fleet() []inventory.Line {
	printer := session("1", "192.0.2.1/printer", 0)
	printer.Session.Vendor, printer.Session.Blockers, printer.Session.Mailbox = "HP", "tls10 rc4", "Scans@x.test"
	camera := session("2", "192.0.2.2/camera", 60)
	camera.Session.Vendor, camera.Session.TLSVersion, camera.Session.Blockers, camera.Session.Readiness = "axis", "1.2", "-", "direct"
	fax := session("3", "192.0.2.3/fax", 120)
	fax.Session.Vendor, fax.Session.TLSVersion, fax.Session.SourceName = "Brother", "", "FAX_ÄRZTE.x.test"
	stranger := session("4", "192.0.2.4/-", 180)
	stranger.Session.Account, stranger.Session.ClaimedAccount = "", "root"
	return []inventory.Line{printer, camera, fax, stranger,
		change("192.0.2.1/printer", "owner", "radiology", 1), change("192.0.2.1/printer", "ticket", "CHG0031337", 1),
		change("192.0.2.1/printer", "location", "Ward 3", 1), change("192.0.2.2/camera", "asset_tag", "00417", 1),
		change("192.0.2.2/camera", "model", "P3245", 1), change("192.0.2.1/printer", "cost", "1200", 1),
		change("192.0.2.1/printer", "priority", "low", 1), change("192.0.2.1/printer", "deadline", "2027-03-01", 1),
		change("192.0.2.2/camera", "owner", "Facilities", 1), change("192.0.2.2/camera", "cost", "99.50", 1),
		change("192.0.2.2/camera", "priority", "critical", 1), change("192.0.2.2/camera", "stage", "warn", 1),
		change("192.0.2.2/camera", "note", "100% done", 1), change("192.0.2.9/scanner", "import", "", 1),
		change("192.0.2.3/fax", "category", "printer_scanner", 1), change("192.0.2.3/fax", "stage", "block", 1)}
}

func TestQueries(t *testing.T) {
	yes, no := true, false
	cases := map[string]struct {
		q    inventory.Query
		want string
	}{
		"all":                            {inventory.Query{}, "printer camera fax - scanner"},
		"descending":                     {inventory.Query{Descending: true}, "scanner - fax camera printer"},
		"page":                           {inventory.Query{Limit: 2, Offset: 1}, "camera fax"},
		"page beyond":                    {inventory.Query{Limit: 2, Offset: 9}, ""},
		"search, its page":               {inventory.Query{Search: "192.0.2.", Limit: 2, Offset: 1}, "camera fax"},
		"search mailbox":                 {inventory.Query{Search: "sCANS@"}, "printer"},
		"search beyond ASCII":            {inventory.Query{Search: "ärzte"}, "fax"},
		"search owner":                   {inventory.Query{Search: "RADIO"}, "printer"},
		"search ticket":                  {inventory.Query{Search: "chg003"}, "printer"},
		"search location":                {inventory.Query{Search: "ward 3"}, "printer"},
		"search asset tag":               {inventory.Query{Search: "00417"}, "camera"},
		"search model":                   {inventory.Query{Search: "p3245"}, "camera"},
		"search claimed":                 {inventory.Query{Search: "root"}, "-"},
		"search percent":                 {inventory.Query{Search: "%"}, "camera"},
		"search percent and more":        {inventory.Query{Search: "0% d"}, "camera"},
		"search underscore":              {inventory.Query{Search: "_"}, "fax"},
		"search backslash":               {inventory.Query{Search: `\`}, ""},
		"search quote":                   {inventory.Query{Search: `' OR 1=1 --`}, ""},
		"search NUL":                     {inventory.Query{Search: "\x00\xff"}, ""},
		"readiness":                      {inventory.Query{Readiness: []string{"direct", "none"}}, "camera"},
		"stages":                         {inventory.Query{Stages: []inventory.Stage{"warn", "block"}}, "camera fax"},
		"categories":                     {inventory.Query{Categories: []inventory.Category{"printer_scanner"}}, "fax"},
		"owners":                         {inventory.Query{Owners: []string{"radiology", ""}}, "printer fax - scanner"},
		"vendors":                        {inventory.Query{Vendors: []string{"HP", "axis"}}, "printer camera"},
		"versions":                       {inventory.Query{Versions: []string{"1.2"}}, "camera"},
		"versions, none":                 {inventory.Query{Versions: []string{"none"}}, "fax scanner"},
		"versions, empty":                {inventory.Query{Versions: []string{""}}, "fax scanner"},
		"blockers":                       {inventory.Query{Blockers: []string{"rc4", "des"}}, "printer"},
		"blockers, no part":              {inventory.Query{Blockers: []string{"tls1", "rc_"}}, ""},
		"steps":                          {inventory.Query{Steps: []inventory.NextStep{"watch"}}, "-"},
		"strangers":                      {inventory.Query{Strangers: &yes}, "-"},
		"no strangers":                   {inventory.Query{Strangers: &no}, "printer camera fax scanner"},
		"strangers, not served":          {inventory.Query{Strangers: &yes, NotServedSince: noon}, ""},
		"devices, with those not served": {inventory.Query{Strangers: &no, NotServedSince: noon}, "printer camera fax - scanner"},
		"a stranger of long ago":         {inventory.Query{Strangers: &yes, NotServedSince: noon.Add(10 * time.Hour)}, "-"},
		"not served, blocked ones not":   {inventory.Query{NotServed: true, NotServedSince: noon}, "printer camera -"},
		"quiet":                          {inventory.Query{QuietSince: noon.Add(time.Hour)}, "printer scanner"},
		"due":                            {inventory.Query{DueBefore: "2027-03-02"}, "printer"},
		"due, the day itself":            {inventory.Query{DueBefore: "2027-03-01"}, ""},
		"all together": {inventory.Query{Search: "192", Vendors: []string{"HP"}, Stages: []inventory.Stage{"bridge"},
			Strangers: &no}, "printer"},
		"by account":            {inventory.Query{Sort: "account"}, "- camera fax printer scanner"},
		"by mailbox":            {inventory.Query{Sort: "mailbox"}, "printer camera fax - scanner"},
		"by vendor":             {inventory.Query{Sort: "vendor"}, "camera fax printer - scanner"},
		"by vendor, descending": {inventory.Query{Sort: "vendor", Descending: true}, "printer fax camera - scanner"},
		"by owner":              {inventory.Query{Sort: "owner"}, "camera printer fax - scanner"},
		"by stage":              {inventory.Query{Sort: "stage", Descending: true}, "fax camera printer - scanner"},
		"by deadline":           {inventory.Query{Sort: "deadline", Descending: true}, "printer camera fax - scanner"},
		"by priority":           {inventory.Query{Sort: "priority"}, "camera printer fax - scanner"},
		"by cost":               {inventory.Query{Sort: "cost"}, "camera printer fax - scanner"},
		"by version":            {inventory.Query{Sort: "tls_version"}, "printer - camera fax scanner"},
		"by last seen":          {inventory.Query{Sort: "last_seen", Descending: true}, "- fax camera printer scanner"},
		"by sessions":           {inventory.Query{Sort: "sessions"}, "scanner printer camera fax -"},
	}
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(fleet()...))
		for name, c := range cases {
			var got []string
			for _, d := range devices(t, s, c.q) {
				got = append(got, d.Account)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		for _, by := range inventory.SortKeys {
			if _, total, err := s.Devices(t.Context(), inventory.Query{Sort: by, Limit: 2, Offset: 1}); err != nil || total != 5 {
				t.Errorf("by %s: %d, %v", by, total, err)
			}
		}
	})
}

// TestNotServed holds the store to what a log alone says: which devices are not served, and which are failing.
func TestNotServed(t *testing.T) {
	served := func(id, device string, n int) inventory.Line {
		l := session(id, device, n)
		l.Session.Outcome, l.Session.Phase = inventory.OutcomeBridged, inventory.PhaseRelay
		return l
	}
	lines := []inventory.Line{session("1", "192.0.2.1/-", 0), served("2", "192.0.2.1/fax", 1), session("3", "192.0.2.1/old", 2),
		session("4", "192.0.2.2/-", 3), served("5", "192.0.2.3/was", -14*24*60), session("6", "192.0.2.3/was", 4),
		session("7", "192.0.2.4/shut", 5), change("192.0.2.4/shut", "stage", "block", 6), change("192.0.2.9/new", "import", "", 7),
		session("8", "192.0.2.11/-", 8), served("9", "192.0.2.1/mend", 9), session("10", "192.0.2.1/mend", 10)}
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		apply(t, s, j.batch(lines...))
		fold := inventory.NewFold()
		for i := range lines {
			fold.Line(&lines[i])
		}
		since := noon.Add(-inventory.NotServedAfter)
		var found, failing []string
		all := slices.Collect(inventory.MarkNotServed(fold.All(nil)))
		for _, d := range all {
			if d.NotServed {
				found = append(found, d.ID)
			} else if d.Failing(since) {
				failing = append(failing, d.ID)
			}
		}
		const wantFound, wantFailing = "192.0.2.11/- 192.0.2.2/- 192.0.2.3/was", "192.0.2.1/mend 192.0.2.1/old"
		if strings.Join(found, " ") != wantFound || strings.Join(failing, " ") != wantFailing {
			t.Errorf("of the log alone not served: %q, failing: %q, want %s and %s", found, failing, wantFound, wantFailing)
		}
		for i, d := range devices(t, s, inventory.Query{NotServedSince: since}) {
			if d.ID != all[i].ID || d.NotServed != all[i].NotServed {
				t.Errorf("the store: %s %v, the log: %s %v", d.ID, d.NotServed, all[i].ID, all[i].NotServed)
			}
		}
		_, err := s.EachDevice(t.Context(), inventory.Query{NotServedSince: since, NotServed: true}, func(d *inventory.Device) error {
			if !d.NotServed {
				t.Errorf("%s comes without what it is", d.ID)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if got := ids(devices(t, s, inventory.Query{NotServedSince: since, Failing: true})); strings.Join(got, " ") != wantFailing {
			t.Errorf("failing in the store: %q, want %s", got, wantFailing)
		}
	})
}

func TestTotals(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a"}
		b := j.batch(append(fleet(), session("", "", 0), inventory.Line{Message: inventory.MessageFlood,
			Flood: inventory.FloodLine{Count: 7, Sessions: 2, First: noon, Last: noon}})...)
		b.Bad = 3
		apply(t, s, b)
		b = j.batch()
		b.Bad = 1
		apply(t, s, b)
		got, err := s.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := inventory.Totals{Devices: 4, Strangers: 1, Sessions: 4 + 1 + 2, TurnedAway: 5, BadLines: 4,
			Readiness:  map[string]int64{"upgrade": 2, "direct": 1, "unknown": 1},
			Stages:     map[inventory.Stage]int64{"bridge": 2, "warn": 1, "block": 1},
			Categories: map[inventory.Category]int64{"unknown": 3, "printer_scanner": 1},
			Versions:   map[string]int64{"1.0": 1, "1.2": 1, "none": 2},
			Steps:      map[inventory.NextStep]int64{"identify": 4}}
		if jsonOf(t, got) != jsonOf(t, want) {
			t.Errorf("totals\n%s\nwant\n%s", jsonOf(t, got), jsonOf(t, want))
		}
	})
}

// TestLists_GoOnAfterASession pages through sessions of which many began in the same millisecond.
func TestLists_GoOnAfterASession(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s := open(t, o)
		j := &journal{id: "a"}
		var lines []inventory.Line
		for i := range 100 {
			lines = append(lines, session(fmt.Sprintf("s%03d", i), "192.0.2.1/printer", i/70))
		}
		apply(t, s, j.batch(lines...))
		var got []string
		err := inventory.EachSession(t.Context(), s, inventory.SessionQuery{Limit: 1000}, func(one *inventory.StoredSession) error {
			got = append(got, one.ID)
			return nil
		})
		slices.Sort(got)
		if err != nil || len(got) != 100 || len(slices.Compact(got)) != 100 {
			t.Errorf("%d sessions, %v, want each of the 100 once", len(got), err)
		}
	})
}

// TestEachDevice_IsDevices compares what comes one by one with what comes at once, and ends when it is told to.
func TestEachDevice_IsDevices(t *testing.T) {
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s := open(t, o)
		j := &journal{id: "a"}
		var lines []inventory.Line
		for i := range 200 {
			lines = append(lines, session(fmt.Sprintf("s%03d", i), fmt.Sprintf("192.0.2.%d/printer", i), i))
		}
		apply(t, s, j.batch(lines...))
		for _, q := range []inventory.Query{{}, {Limit: 150, Offset: 20, Sort: "last_seen", Descending: true}, {Search: "192.0.2.1"}} {
			all, want, err := s.Devices(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			var each []inventory.Device
			total, err := s.EachDevice(t.Context(), q, func(d *inventory.Device) error {
				each = append(each, *d)
				return nil
			})
			if err != nil || total != want || jsonOf(t, each) != jsonOf(t, all) {
				t.Errorf("%+v: %d devices of %d, %v, want %d of %d", q, len(each), total, err, len(all), want)
			}
		}
		enough := errors.New("enough")
		seen := 0
		_, err := s.EachDevice(t.Context(), inventory.Query{}, func(*inventory.Device) error { seen++; return enough })
		if seen != 1 || !errors.Is(err, enough) {
			t.Errorf("%d devices and %v, want 1 and the error", seen, err)
		}
	})
}
