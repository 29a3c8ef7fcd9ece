package config_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

func FuzzHash(f *testing.F) {
	for _, seed := range []string{hash, "$argon2id$v=19$m=1,t=1,p=1$a$a", "$2y$10$x",
		"$argon2id$v=19$m=262144,t=10,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !config.CheckHash(text) {
			return
		}
		var m, passes, lanes int
		var rest string
		if n, err := fmt.Sscanf(text, "$argon2id$v=19$m=%d,t=%d,p=%d$%s", &m, &passes, &lanes, &rest); n != 4 || err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if m > 256<<10 || passes > 10 || lanes > 4 || m < 8*lanes || passes < 1 || lanes < 1 || strings.Count(rest, "$") != 1 {
			t.Errorf("%q was taken", text)
		}
	})
}

func FuzzParseDSN(f *testing.F) {
	for _, seed := range []string{"db.contoso.local", "", "/run/postgresql", `it's a \ name`, "a,b", "postgres://u:p@a:1,b/db?host=c",
		"host='a", "line\nbreak"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if place, ok := config.ParseDSN(host); ok && len(place) == 0 {
			t.Errorf("%q: %v, %t", host, place, ok)
		}
		if host != strings.ToValidUTF8(host, "") {
			t.Skip("a file is text")
		}
		text := "dbname = x host='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(host) + "' sslmode=disable"
		place, ok := config.ParseDSN(text)
		if !ok || place["host"] != host || place["dbname"] != "x" || place["sslmode"] != "disable" {
			t.Errorf("%q: %q, %t", text, place, ok)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad-*.yaml", "testdata/good-*.yaml", "reference.yaml"} {
		for _, file := range glob(f, pattern) {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("testdata/fuzz.yaml", data, machine)
		var faults config.Faults
		switch {
		case err == nil && (c == nil || len(c.Listeners) == 0 || len(c.Upstreams) == 0):
			t.Errorf("taken without listeners or upstreams: %+v", c)
		case err != nil && (c != nil || !errors.As(err, &faults) || len(faults) == 0 || len(faults) > 1000):
			t.Errorf("refused without bounded faults: %v", err)
		}
	})
}

func FuzzMoment(f *testing.F) {
	for _, text := range []string{"2027-03-01", "2027-03-28T02:30", "2027-10-31T02:30:15", "2027-03-01T08:00:00+01:00", "deadline",
		"0001-01-01"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := config.BlockFromOf(text, "Europe/Berlin")
		if !ok || at.Deadline {
			return
		}
		if at.At.Year() < 1970 || at.At.Year() > 9999 {
			t.Fatalf("%q is %s", text, at)
		}
		again, ok := config.BlockFromOf(at.String(), "UTC")
		if !ok || !again.At.Equal(at.At.Truncate(time.Second)) {
			t.Fatalf("%q is %s, which is %s", text, at, again)
		}
	})
}
