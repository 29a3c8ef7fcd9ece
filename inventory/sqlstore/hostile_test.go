package sqlstore_test

import (
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/sqlstore"
)

// What devices call themselves, and what a damaged journal may have, can be stored and found again.
func TestHostileNames(t *testing.T) {
	names := map[string]string{
		"nul":       "a\x00b",
		"not UTF-8": "a\xff\xfeb",
		"long":      strings.Repeat("𝔘", 256),
		"very long": strings.Repeat("x", 100_000),
		"like":      `%_\`,
		"quotes":    `'"` + "`" + `'); DROP TABLE devices; --`,
		"marks":     "? $1 ?? :a @b",
		"controls":  "\x1b[31m\r\n\t",
		"emoji":     "\u202e📠",
	}
	onBoth(t, func(t *testing.T, o sqlstore.Options) {
		s, j := open(t, o), journal{id: "a\x00'%"}
		for name, text := range names {
			l := session(text, "192.0.2.1/"+text, 0)
			l.Run, l.Session.Vendor, l.Session.Mailbox, l.Session.ClientID = text, text, text,
				`{"name":"\u0000`+strings.ToValidUTF8(text[:1], "")+`"}`
			l.Session.Outcome, l.Session.Readiness, l.Session.Blockers = inventory.Outcome(text), text, text
			b := j.batch(l, change("192.0.2.1/"+text, "owner", text, 1), change("192.0.2.2/"+text, "merge", "192.0.2.1/"+text, 1))
			b.Sessions[0].Record = json.RawMessage(`{"account":"` + text + `\u0000"}`)
			if err := s.Apply(t.Context(), b); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if d, err := s.Device(t.Context(), "192.0.2.2/"+text); err != nil || d.Sessions != 1 {
				t.Errorf("%s: by the merged id: %d sessions, %v", name, d.Sessions, err)
			}
			if found := devices(t, s, inventory.Query{Search: text, Owners: []string{text}}); len(found) != 1 && name != "very long" {
				t.Errorf("%s: %d were found", name, len(found))
			}
		}
		if all := devices(t, s, inventory.Query{}); len(all) != len(names) {
			t.Errorf("%d devices, want %d", len(all), len(names))
		}
		if p, found, err := s.Position(t.Context(), j.id); err != nil || !found || p != j.at() {
			t.Errorf("position %+v, %t, %v", p, found, err)
		}
		if found, err := s.Sessions(t.Context(), inventory.SessionQuery{}); err != nil || len(found) != len(names) {
			t.Errorf("%d sessions, %v", len(found), err)
		}
	})
}
