package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/internal/web"
	"drawbridge/inventory"
	"drawbridge/inventory/advice"
	"drawbridge/inventory/sqlstore"
)

// BenchmarkDashboard answers pages from a SQLite store of 50,000 devices.
func BenchmarkDashboard(b *testing.B) {
	store := bigStore(b, 50_000)
	pages := web.New(web.Options{Reader: store, Readiness: func() web.Readiness { return web.Readiness{Ready: true} }})
	for _, page := range []struct{ name, url string }{
		{"devices", "/devices"},
		{"sorted", "/devices?sort=last_seen&order=desc"},
		{"filtered", "/devices?readiness=legacy&version=1.0&sort=sessions"},
		{"search", "/devices?q=scanner499"},
		{"overview", "/"},
		{"device", "/devices/10.0.0.7/scanner7"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+page.url, nil)
				r.RemoteAddr = "127.0.0.1:1"
				w := httptest.NewRecorder()
				pages.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d", page.url, w.Code)
				}
			}
		})
	}
}

// bigStore is a store of n devices, each with one session.
func bigStore(b *testing.B, n int) *sqlstore.Store {
	b.Helper()
	advisor, err := advice.New()
	must(b, err)
	store, err := sqlstore.Open(b.Context(), sqlstore.Options{SQLite: filepath.Join(b.TempDir(), "inventory.db"), Advise: advisor.Judge})
	must(b, err)
	b.Cleanup(func() { _ = store.Close() })
	at := inventory.Position{Journal: "bench"}
	for i := 0; i < n; {
		batch := inventory.Batch{From: at, Fold: inventory.NewFold()}
		for range 10_000 {
			batch.Fold.Line(benchLine(i))
			i++
		}
		at.Segment, at.Offset = 1, at.Offset+1
		batch.To = at
		must(b, store.Apply(b.Context(), batch))
	}
	return store
}

func benchLine(i int) *inventory.Line {
	versions, blockers := []string{"1.0", "1.1", "1.2"}, []string{"tls_version key_exchange password_login", "tls_version password_login",
		"password_login"}
	source := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	return &inventory.Line{Message: inventory.MessageSession, Time: at, Run: "r", Session: inventory.SessionLine{
		ID: fmt.Sprint(i), Device: fmt.Sprintf("%s/scanner%d", source, i), Source: source, Account: fmt.Sprintf("scanner%d", i),
		SourceName: fmt.Sprintf("printer%d.contoso.local", i),
		Vendor:     []string{"Ricoh", "Canon", "Xerox"}[i%3], Protocol: "imap", Listener: "imaps",
		TLSVersion: versions[i%3], Readiness: []string{"legacy", "legacy", "ready"}[i%3], Blockers: blockers[i%3], AuthMechanism: "LOGIN",
		Phase: inventory.PhaseRelay, Outcome: inventory.OutcomeBridged, StartedAt: at, Stage: inventory.StageBridge,
		Mailbox: fmt.Sprintf("m%d@contoso.com", i),
	}}
}
