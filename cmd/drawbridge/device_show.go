package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"drawbridge/inventory"
)

// showDevice prints a device for people.
func showDevice(w io.Writer, d inventory.Device, history []inventory.Change) error {
	t := &sheet{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row("device", d.ID)
	t.row("merged", strings.Join(d.MergedIDs, ", "))
	t.row("address", d.SourceIP, d.SourceName)
	t.row("adapter", d.SourceMAC, d.Vendor)
	t.row("says of itself", d.Description, clientIDOf(d.ClientID))
	t.row("mailbox", d.Mailbox)
	t.row("tried as", d.ClaimedAccount)
	t.row("category", string(d.Category), map[bool]string{true: "(as set)"}[d.CategorySet])
	t.row("TLS stack", d.Stack)
	t.row("speaks", d.Protocol, d.TLSMode, d.TLSVersion, d.TLSCipher)
	t.row("logs in by", d.AuthMechanism)
	t.row("readiness", d.Readiness, strings.Join(d.Blockers, " "))
	t.row("stage", string(d.Stage), map[bool]string{true: "(as set)"}[d.StageSet])
	t.row("deadline", d.Deadline)
	t.row("owner", d.Owner)
	t.row("priority", d.Priority)
	t.row("cost", d.Cost)
	t.row("note", d.Note)
	t.row("seen", span(d.FirstSeen, d.LastSeen))
	t.row("sessions", fmt.Sprint(d.Sessions), "of which bridged", fmt.Sprint(d.Outcomes[inventory.OutcomeBridged]))
	for _, v := range d.TLSVersions {
		t.row("TLS "+v.Version, fmt.Sprint(v.Sessions), "sessions,", span(v.FirstSeen, v.LastSeen))
	}
	if d.LastReasonAt != nil {
		t.row("last reason", shownTime(*d.LastReasonAt), d.LastReason)
	}
	t.row("upstream said", d.UpstreamSays)
	t.row("next step", string(d.NextStep))
	for _, a := range d.Advice {
		t.row("", a.Text, a.URL)
	}
	for _, e := range d.Evidence {
		t.row("evidence", e)
	}
	for _, c := range history {
		t.row("history", shownTime(c.Time), c.By+":", c.Key, cmp.Or(c.Old, "nothing"), "→", cmp.Or(c.New, "nothing"))
	}
	return t.w.Flush()
}

// clientIDOf shows an IMAP ID for people.
func clientIDOf(id json.RawMessage) string {
	var pairs map[string]string
	if json.Unmarshal(id, &pairs) != nil {
		return ""
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		words = append(words, key+" "+pairs[key])
	}
	return strings.Join(words, ", ")
}

// sheet is a list of named values, in which those that say nothing are left out.
type sheet struct{ w *tabwriter.Writer }

func (s *sheet) row(name string, values ...string) {
	text := strings.Join(strings.Fields(strings.Join(values, " ")), " ")
	if text == "" {
		return
	}
	_, _ = fmt.Fprintf(s.w, "%s\t%s\n", name, inventory.Printable(text)) // Flush tells
}

func span(first, last time.Time) string {
	if first.IsZero() {
		return "never"
	}
	return shownTime(first) + " to " + shownTime(last)
}

func shownTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04") } //nolint:gosmopolitan // for a person at this machine
