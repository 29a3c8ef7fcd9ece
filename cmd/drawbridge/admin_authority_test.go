package main

import (
	"testing"

	"drawbridge/config"
)

// TestAuthority_IsNotMadeByLookingAtAPage: where only files are configured there is no local CA to download, and asking for it
// makes none.
func TestAuthority_IsNotMadeByLookingAtAPage(t *testing.T) {
	file, local := config.Certificate{File: &config.CertificateFile{}}, config.Certificate{LocalCA: &config.LocalCA{}}
	for _, test := range []struct {
		name     string
		listener config.Certificate
		admin    *config.Certificate
		want     bool
	}{
		{"files alone", file, nil, false},
		{"files for both", file, &file, false},
		{"a local CA for listeners", local, nil, true},
		{"ACME, which the local CA stands in for", config.Certificate{ACME: &config.ACME{}}, nil, true},
		{"a local CA for the dashboard", file, &local, true},
	} {
		cfg := &config.Config{Certificates: []config.Certificate{test.listener}, Admin: config.Admin{Certificate: test.admin}}
		b := &bridge{data: &dataDir{path: t.TempDir()}}
		b.generation.Store(&generation{cfg: cfg})
		if got := len(b.authority().PEM) > 0; got != test.want {
			t.Errorf("%s: a CA to download is %t, want %t", test.name, got, test.want)
		}
	}
}
