package hello_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/internal/hello"
)

// vector is one file of testdata: what a hello comes from, what must be read out of it, and the hello.
type vector struct {
	name  string
	facts map[string]string
	raw   []byte
}

// vectors reads testdata. A file has lines "name: value", an empty line, and the hello in hex. Adding a case is
// adding a file; the facts come from a second implementation or from thinking, never from this package.
func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in testdata: %v", err)
	}
	var all []vector
	for _, file := range files {
		all = append(all, readVector(t, file))
	}
	return all
}

func readVector(t testing.TB, file string) vector {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(text), "\n\n")
	raw, err := hex.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	v := vector{name: strings.TrimSuffix(filepath.Base(file), ".txt"), facts: map[string]string{}, raw: raw}
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		v.facts[name] = strings.TrimSpace(value)
	}
	delete(v.facts, "source")
	return v
}

// facts renders a hello as the files of testdata do.
func facts(h *hello.Hello) map[string]string {
	f := map[string]string{
		"format":         string(h.Format),
		"record_version": h.RecordVersion.String(),
		"legacy_version": h.LegacyVersion.String(),
		"max_version":    h.MaxVersion.String(),
		"suites":         join("%04x", h.Suites),
		"session_id_len": fmt.Sprint(h.SessionIDLen),
		"ja3":            h.JA3,
		"ja4":            h.JA4,
		"readiness":      string(h.Readiness()),
		"blockers":       join("%s", h.Blockers()),
	}
	put(f, "versions", "%v", h.Versions)
	put(f, "groups", "%04x", h.Groups)
	put(f, "signatures", "%04x", h.Signatures)
	put(f, "point_formats", "%d", h.PointFormats)
	put(f, "extensions", "%04x", h.Extensions)
	put(f, "compressions", "%d", h.Compressions)
	put(f, "alpn", "%s", h.ALPN)
	if h.Format == hello.FormatSSLv2 {
		f["v2_kinds"] = join("%06x", h.V2Kinds)
	}
	if h.ServerName != "" {
		f["server_name"] = h.ServerName
	}
	if signals := signals(h); signals != "" {
		f["signals"] = signals
	}
	return f
}

func signals(h *hello.Hello) string {
	var found []string
	if h.Tickets {
		found = append(found, "tickets")
	}
	if h.FallbackSCSV {
		found = append(found, "fallback_scsv")
	}
	if h.RenegotiationInfo {
		found = append(found, "renegotiation_info")
	}
	return strings.Join(found, " ")
}

func put[T any](f map[string]string, name, format string, list []T) {
	if list != nil {
		f[name] = join(format, list)
	}
}

func join[T any](format string, list []T) string {
	words := make([]string, 0, len(list))
	for _, e := range list {
		words = append(words, fmt.Sprintf(format, e))
	}
	return strings.Join(words, " ")
}
