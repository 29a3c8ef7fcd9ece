package config_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestParse_Timezone(t *testing.T) {
	for text, want := range map[string]string{
		"drain: 2m": "Europe/Vienna", "timezone: Local": "Europe/Vienna", "timezone: Asia/Tokyo": "Asia/Tokyo", "timezone: UTC": "UTC",
	} {
		equal(t, text, parse(t, text).Timezone.String(), want)
	}
	for _, text := range []string{"''", "Berlin", "+02:00", "Europe/Berlin2", "../zone", "/etc/localtime"} {
		equal(t, text, refused(t, "timezone: "+text).Key, "timezone")
	}
}

func TestParse_TimezoneThatTheMachineCannotName(t *testing.T) {
	for _, name := range []string{"", "CET-1CEST", "/etc/localtime"} {
		c, err := config.Parse("drawbridge.yaml", []byte("drain: 2m"), config.Environment{Timezone: name})
		if err != nil || c.Timezone != time.Local {
			t.Errorf("%q: %v, %v, want the machine's own zone", name, c, err)
		}
	}
}

func TestParse_DatesBeginAtMidnightOfTheTimezone(t *testing.T) {
	for text, want := range map[string]string{
		"2027-03-01":                "2027-02-28T15:00:00Z",
		"2027-03-01T08:00:00Z":      "2027-03-01T08:00:00Z",
		"2027-03-01T08:00:00+01:00": "2027-03-01T07:00:00Z",
	} {
		// timezone stands behind the date on purpose
		c := parse(t, "accounts: [{login: a, expires: "+text+"}]\ntimezone: Asia/Tokyo")
		equal(t, text, c.Accounts[0].Expires.UTC().Format(time.RFC3339), want)
	}
	for _, text := range []string{"01.03.2027", "2027-03", "2027-02-29", "2027-03-01 08:00", "tomorrow", "''", "0"} {
		equal(t, text, refused(t, "accounts: [{login: a, expires: "+text+"}]").Key, "accounts[0].expires")
	}
}

// TestParse_LocalTimes has both nights in which the clock is changed, in zones that change it by an hour, by half an hour, at
// midnight, the other way round in winter, and by a whole day.
func TestParse_LocalTimes(t *testing.T) {
	for _, test := range []struct{ zone, text, want string }{
		{"Europe/Berlin", "2027-01-15T20:00", "2027-01-15T19:00:00Z"},
		{"Europe/Berlin", "2027-01-15T20:00:30", "2027-01-15T19:00:30Z"},
		{"Europe/Berlin", "2027-07-15T20:00", "2027-07-15T18:00:00Z"},
		{"Europe/Berlin", "2027-03-28T01:59:59", "2027-03-28T00:59:59Z"},
		{"Europe/Berlin", "2027-03-28T02:00", "2027-03-28T01:00:00Z"}, // left out until 03:00
		{"Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00:00Z"},
		{"Europe/Berlin", "2027-03-28T03:00", "2027-03-28T01:00:00Z"},
		{"Europe/Berlin", "2027-03-28T03:30", "2027-03-28T01:30:00Z"},
		{"Europe/Berlin", "2027-10-31T01:59", "2027-10-30T23:59:00Z"},
		{"Europe/Berlin", "2027-10-31T02:00", "2027-10-31T00:00:00Z"}, // there twice
		{"Europe/Berlin", "2027-10-31T02:59:59", "2027-10-31T00:59:59Z"},
		{"Europe/Berlin", "2027-10-31T03:00", "2027-10-31T02:00:00Z"},
		{"America/New_York", "2027-03-14T02:15", "2027-03-14T07:00:00Z"},
		{"America/New_York", "2027-11-07T01:30", "2027-11-07T05:30:00Z"},
		{"America/New_York", "2027-11-07T02:00", "2027-11-07T07:00:00Z"},
		{"Australia/Lord_Howe", "2027-10-03T02:10", "2027-10-02T15:30:00Z"}, // half an hour
		{"Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45:00Z"},
		{"Australia/Lord_Howe", "2027-04-04T02:00", "2027-04-03T15:30:00Z"},
		{"America/Santiago", "2027-09-05", "2027-09-05T04:00:00Z"}, // midnight is left out
		{"America/Santiago", "2027-09-05T00:30", "2027-09-05T04:00:00Z"},
		{"America/Santiago", "2027-09-05T01:00", "2027-09-05T04:00:00Z"},
		{"America/Santiago", "2027-04-04", "2027-04-04T04:00:00Z"}, // the hour before is there twice
		{"America/Santiago", "2027-04-03T23:30", "2027-04-04T02:30:00Z"},
		{"Europe/Dublin", "2027-03-28T01:30", "2027-03-28T01:00:00Z"},
		{"Europe/Dublin", "2027-10-31T01:30", "2027-10-31T00:30:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"}, // a day that was left out
		{"Pacific/Kiritimati", "2027-01-01", "2026-12-31T10:00:00Z"},
		{"Asia/Kolkata", "2027-03-28T02:30", "2027-03-27T21:00:00Z"},
		{"UTC", "2027-03-28T02:30", "2027-03-28T02:30:00Z"},
	} {
		// timezone stands behind the time on purpose
		c := parse(t, "rules: [{from: "+test.text+", stage: bridge}]\ntimezone: "+test.zone)
		at := c.Rules[0].From
		equal(t, test.zone+" "+test.text, at.UTC().Format(time.RFC3339), test.want)
		equal(t, "zone", at.Location().String(), test.zone)
	}
	for _, text := range []string{"2027-03-01T08", "2027-03-01T8:00", "2027-03-01t08:00", "2027-03-01T24:00", "2027-03-01T08:00 CET",
		"2027-03-01T08:00+01:00x", "1969-12-31", "0001-01-01", "0001-01-01T00:00:00Z", "2027-02-29T08:00"} {
		equal(t, text, refused(t, "rules: [{from: '"+text+"', stage: bridge}]").Key, "rules[0].from")
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestReminder(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, test := range []struct {
		left time.Duration
		days int
		due  bool
	}{
		{61 * day, 0, false}, {60*day + 1, 0, false}, {60 * day, 60, true}, {31 * day, 60, true}, {30 * day, 30, true},
		{8 * day, 30, true}, {7 * day, 7, true}, {2 * day, 7, true}, {day, 1, true}, {time.Second, 1, true},
		{0, 0, true}, {-400 * day, 0, true},
	} {
		if days, due := config.Reminder(now.Add(test.left), now); days != test.days || due != test.due {
			t.Errorf("%s ahead: %d, %t, want %d, %t", test.left, days, due, test.days, test.due)
		}
	}
	if days, due := config.Reminder(time.Time{}, now); days != 0 || due {
		t.Errorf("no end: %d, %t", days, due)
	}
}

func TestParse_WarnsOfASecretsEnd(t *testing.T) {
	text := func(date string) []byte {
		return []byte("upstreams: {x: {imap: 'a.local:993', pop3: 'a.local:995', auth: {oauth2: {tenant: contoso.com, " +
			"client_id: 00000000-0000-0000-0000-000000000000, " +
			"client_secret: hunter2, client_secret_expires: " + date + "}}}}")
	}
	for date, want := range map[string]string{
		"2027-05-01": "", "2027-01-25": "", "2027-01-23": "ends on 2027-01-23, in 59 days", "2026-12-24": "in 29 days",
		"2026-11-25": "ends on 2026-11-25, in less than two days", "2026-11-24": "ended on 2026-11-24", "2020-01-01": "ended on 2020-01-01",
	} {
		c, err := config.Parse("drawbridge.yaml", text(date), machine)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.Warnings, "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", date, got, want)
		}
	}
	c, err := config.Parse("drawbridge.yaml", text("2020-01-01"), config.Environment{})
	if err != nil || len(c.Warnings) > 0 {
		t.Errorf("without a clock: %v, %v", c.Warnings, err)
	}
}
