package web

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	d := &dashboard{Options: Options{Now: func() time.Time { return now }}.withDefaults()}
	for since, want := range map[time.Duration]string{
		0: "just now", 9 * time.Second: "just now", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 119 * time.Minute: "1 hour ago",
		26 * time.Hour: "1 day ago",
		48 * time.Hour: "2 days ago", 400 * 24 * time.Hour: "400 days ago", 3 * 365 * 24 * time.Hour: "3 years ago", -time.Hour: "in 1 hour",
	} {
		if got := d.ago(now.Add(-since)); got != want {
			t.Errorf("%v: got %q, want %q", since, got, want)
		}
	}
}

func TestUntil_CountsDaysOfTheZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ now, date, want string }{
		{"2026-11-24T22:59:00Z", "2026-11-25", "tomorrow"},
		{"2026-11-24T23:01:00Z", "2026-11-25", "today"}, // 00:01 in Berlin
		{"2026-11-24T23:01:00Z", "2026-11-24", "1 day overdue"},
		{"2026-11-24T12:00:00Z", "2026-11-01", "23 days overdue"},
		{"2027-03-27T12:00:00Z", "2027-03-29", "in 2 days"}, // one of them has 23 hours
		{"2026-11-24T12:00:00Z", "", ""},
		{"2026-11-24T12:00:00Z", "<b>", ""},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		d := &dashboard{Options: Options{Now: func() time.Time { return now }, Zone: berlin}}
		if got := d.until(c.date); got != c.want {
			t.Errorf("%s at %s: got %q, want %q", c.date, c.now, got, c.want)
		}
	}
}

func TestNumbersForReading(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := number(n); got != want {
			t.Errorf("number(%d): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10240: "10 KiB", 1 << 40: "1.0 TiB",
		1<<63 - 1: "8.0 EiB"} {
		if got := byteSize(n); got != want {
			t.Errorf("byteSize(%d): got %q, want %q", n, got, want)
		}
	}
	for word, want := range map[any]string{"tls_failed": "TLS failed", "new_thing": "New thing", "": "", "Ünknown": "Ünknown",
		"\x1b[1m": `\u001b[1m`} {
		if got := label(word); got != want {
			t.Errorf("label(%q): got %q, want %q", word, got, want)
		}
	}
}
