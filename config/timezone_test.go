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
