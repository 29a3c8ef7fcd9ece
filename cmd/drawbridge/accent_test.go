package main

import (
	"os"
	"strings"
	"testing"
)

// TestAccount_AccentsAreWarnedOfAndTaken as the device writes them, in Latin-1, though the account was added in UTF-8.
func TestAccount_AccentsAreWarnedOfAndTaken(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	_, warned, err := w.account("fl\u00fcgel-4711\n", "add", "scanner1", "--mailbox", scans)
	must(t, err)
	if !strings.Contains(warned, "beyond ASCII") {
		t.Errorf("add says %q, want a warning of the accent", warned)
	}
	w.serve()
	for _, protocol := range bothProtocols {
		w.reads(protocol, "scanner1", "fl\xfcgel-4711")
		w.reads(protocol, "scanner1", "fl\u00fcgel-4711")
		w.refused(protocol, "scanner1", "flugel-4711")
	}
}
