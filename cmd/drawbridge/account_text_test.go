package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestAccount_UnknownNamesOfStrangersAreHarmless has strangers try names that a shell or a terminal would heed.
func TestAccount_UnknownNamesOfStrangersAreHarmless(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	w.serve()
	names := []string{"$(reboot)", "a`b`", "x'; rm -rf /;'", "\x1b[31mred", "c1\u009b31m", "bidi\u202egnp.exe", "line\nfeed", "\xff", "𝒳",
		"del\x7f", `CONTOSO\fax`, "-rf"}
	for _, n := range names {
		for range 2 {
			w.bridge.unknown.Note(n, netip.MustParseAddr("10.20.3.7"), "imap", time.Now())
		}
	}
	lines := strings.Split(strings.TrimSuffix(w.done("", "list", "--unknown"), "\n"), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%d lines for %d names: %q", len(lines), len(names), lines)
	}
	for _, l := range lines {
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q has what a terminal heeds", l)
		}
		if strings.HasPrefix(l, "# ") && strings.ContainsAny(l, "`$;'\"()&|<>*!{}[]~") {
			t.Errorf("%q has what a shell heeds", l)
		}
	}
	if want := "# CONTOSO\\x5cfax from 10.20.3.7 by imap: its name fits no command line as it stands"; lines[1] != want {
		t.Errorf("got %q, want %q", lines[1], want)
	}
	if want := " --source 10.20.3.7 -- '-rf'"; !strings.HasSuffix(lines[0], want) {
		t.Errorf("got %q, want %q at its end", lines[0], want)
	}
	text := w.done("", "list", "--unknown", "--json")
	var list []unknownLogin
	must(t, json.Unmarshal([]byte(text), &list))
	if strings.ContainsFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the JSON has what a terminal heeds: %q", text)
	}
	if got := list[len(list)-6].Login; got != names[5] || list[0].Count != 2 {
		t.Errorf("got %q and count %d, want %q and 2", got, list[0].Count, names[5])
	}
}
