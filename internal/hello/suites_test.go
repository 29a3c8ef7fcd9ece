package hello_test

import (
	"crypto/tls"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"drawbridge/internal/hello"
)

func TestSuiteName(t *testing.T) {
	for id, want := range map[uint16]string{
		0x0000: "TLS_NULL_WITH_NULL_NULL",
		0x0003: "TLS_RSA_EXPORT_WITH_RC4_40_MD5",
		0x0004: "TLS_RSA_WITH_RC4_128_MD5",
		0x0007: "TLS_RSA_WITH_IDEA_CBC_SHA",
		0x0018: "TLS_DH_anon_WITH_RC4_128_MD5",
		0x0041: "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA",
		0x0096: "TLS_RSA_WITH_SEED_CBC_SHA",
		0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
		0x5600: "TLS_FALLBACK_SCSV",
		0xc09c: "TLS_RSA_WITH_AES_128_CCM",
		0xfeff: "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA",
		0x0a0a: "0a0a",
		0x0080: "0080", // the lower half of kinds of SSL 2.0
		0xffff: "ffff",
	} {
		if got := hello.SuiteName(id); got != want {
			t.Errorf("%04x is %s, want %s", id, got, want)
		}
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := hello.SuiteName(s.ID); got != s.Name {
			t.Errorf("%04x is %s, want %s as in crypto/tls", s.ID, got, s.Name)
		}
	}
}

func TestSuites_TableIsSoundAndSorted(t *testing.T) {
	text, err := os.ReadFile("suites.txt")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^[0-9a-f]{4} (TLS|SSL)_[A-Za-z0-9_]+$`)
	last, n := int64(-1), 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		number, _, _ := strings.Cut(line, " ")
		id, err := strconv.ParseInt(number, 16, 32)
		if err != nil || id <= last || !row.MatchString(line) {
			t.Errorf("row %q after %x: %v", line, last, err)
		}
		last, n = id, n+1
	}
	if n < 360 {
		t.Errorf("only %d suites", n)
	}
}

func TestIsGREASE(t *testing.T) {
	n := 0
	for v := range 1 << 16 {
		if hello.IsGREASE(uint16(v)) {
			n++
		}
	}
	if n != 16 || !hello.IsGREASE(0x0a0a) || !hello.IsGREASE(0xfafa) || hello.IsGREASE(0x0a1a) {
		t.Errorf("%d GREASE values", n)
	}
}
