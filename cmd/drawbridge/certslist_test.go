package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/certs"
)

// TestCertsList_TellsWhatTheRunningBridgeKnows of an ACME service, as /readyz promises.
func TestCertsList_TellsWhatTheRunningBridgeKnows(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t, "")
	text, err := os.ReadFile(w.yaml)
	must(t, err)
	const acme = "\ncertificates:\n" +
		"  - acme: {names: [bridge.contoso.test], directory: 'https://127.0.0.1:1/x', http: '127.0.0.1:9080', tls_alpn: ''}\n"
	must(t, os.WriteFile(w.yaml, bytes.Replace(text, []byte("\ncertificates:\n"), []byte(acme), 1), 0o600))
	list := func() certs.Facts {
		t.Helper()
		var out bytes.Buffer
		root := newRoot()
		root.SetArgs([]string{"certs", "list", "--json", "--config", w.yaml})
		root.SetOut(&out)
		must(t, root.ExecuteContext(t.Context()))
		var facts []certs.Facts
		if err := json.Unmarshal(out.Bytes(), &facts); err != nil || len(facts) != 2 {
			t.Fatalf("%v: %s", err, out.String())
		}
		return facts[0]
	}
	if f := list(); f.LastError != "" || !f.Fallback {
		t.Errorf("before the bridge ran: %+v", f)
	}
	w.serve()
	deadline := time.After(patience)
	for tick := time.Tick(50 * time.Millisecond); ; {
		f := list()
		if strings.Contains(f.LastError, "127.0.0.1:1") {
			break
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("the running bridge says %+v", f)
		}
	}
}
