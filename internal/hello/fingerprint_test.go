package hello_test

import (
	"strings"
	"testing"
)

// The examples of https://github.com/salesforce/ja3 (README, "How it works").
func TestJA3_PublishedExamples(t *testing.T) {
	for name, want := range map[string]string{
		"hand-ja3-example":       "ada70206e40642a3e4461f35503241d5",
		"hand-ja3-no-extensions": "de350869b8c85de67a350c8d186f11e6",
	} {
		h := mustParse(t, readVector(t, "testdata/"+name+".txt").raw)
		if h.JA3 != want {
			t.Errorf("%s: %s, want %s", name, h.JA3, want)
		}
	}
}

// The examples of https://github.com/FoxIO-LLC/ja4 (technical_details/JA4.md), GREASE added to each list.
func TestJA4_PublishedExamples(t *testing.T) {
	h := mustParse(t, readVector(t, "testdata/hand-chrome-grease.txt").raw)
	if want := "t13d1516h2_8daaf6152771_e5627efa2ab1"; h.JA4 != want {
		t.Errorf("with signature algorithms: %s, want %s", h.JA4, want)
	}
	d := draft{version: 0x0303, suites: []uint16{0x1301}}
	for _, kind := range []uint16{0x001b, 0x0033, 0x4469, 0x0017, 0x002d, 0x0005, 0x0023, 0x0012, 0xff01, 0x0015} {
		d.extensions = append(d.extensions, ext(kind, nil))
	}
	d.extensions = append(d.extensions, extServerName("x"), extALPN("h2"), extVersions(0x0304), ext(11, []byte{0}), extGroups(),
		extSignatures())
	h = mustParse(t, d.tls())
	if want := "_6d807ffa2a79"; !strings.HasSuffix(h.JA4, want) {
		t.Errorf("without signature algorithms: %s, want …%s", h.JA4, want)
	}
}

// These two are in public lists of fingerprints: curl with OpenSSL 3 and Python's ssl module.
func TestJA4_MatchesPublicLists(t *testing.T) {
	for name, want := range map[string]string{
		"curl-https":     "_e8f1e7e78f70_b26ce05bbdd6",
		"python-imaplib": "_85036bcba153_d41ae481755e",
	} {
		h := mustParse(t, readVector(t, "testdata/"+name+".txt").raw)
		if !strings.HasSuffix(h.JA4, want) {
			t.Errorf("%s: %s, want …%s", name, h.JA4, want)
		}
	}
}

func TestJA4_ALPN(t *testing.T) {
	for _, c := range []struct {
		protocols []string
		want      string
	}{
		{nil, "00"},
		{[]string{""}, "00"},
		{[]string{"", "h2"}, "00"},
		{[]string{"h2", "http/1.1"}, "h2"},
		{[]string{"http/1.1"}, "h1"},
		{[]string{"imap"}, "ip"},
		{[]string{"Z"}, "ZZ"},
		{[]string{"\xab"}, "ab"},
		{[]string{"\xab\xcd"}, "ad"},
		{[]string{"\x30\xab"}, "3b"},
		{[]string{"\x30\x31\xab\xcd"}, "3d"},
		{[]string{"\x30\xab\xcd\x31"}, "01"},
		{[]string{"a/"}, "6f"},
	} {
		d := draft{version: 0x0303, extensions: [][]byte{extALPN(c.protocols...)}}
		if got := mustParse(t, d.tls()).JA4[8:10]; got != c.want {
			t.Errorf("ALPN %q gives %q, want %q", c.protocols, got, c.want)
		}
	}
}

func TestJA4_Version(t *testing.T) {
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{draft{version: 0x0300}.tls(), "ts3i000000_000000000000_000000000000"},
		{draft{version: 0x0301}.tls(), "t10i000000_000000000000_000000000000"},
		{draft{version: 0x0302}.tls(), "t11i000000_000000000000_000000000000"},
		{draft{version: 0x0303}.tls(), "t12i000000_000000000000_000000000000"},
		{draft{version: 0x0304}.tls(), "t13i000000_000000000000_000000000000"},
		{draft{version: 0x0305}.tls(), "t00i000000_000000000000_000000000000"},
		{draft{version: 0x0002}.tls(), "ts2i000000_000000000000_000000000000"},
		{draft{version: 0x0303, extensions: [][]byte{extServerName("x"), extALPN("h2")}}.tls(), "t12d0002h2_000000000000_000000000000"},
	} {
		if got := mustParse(t, c.raw).JA4; got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for want, list := range map[string][]uint16{
		"t13": {0x0a0a, 0x0303, 0x0304}, "t12": {0x0302, 0x0303}, "t00": {0x7f1c, 0x0303}, "t10": {0x0301},
	} {
		h := mustParse(t, draft{version: 0x0303, extensions: [][]byte{extVersions(list...)}}.tls())
		if got := h.JA4[:3]; got != want {
			t.Errorf("supported_versions %04x give %s, want %s", list, got, want)
		}
	}
}

func TestJA4_CountsStopAt99(t *testing.T) {
	h := mustParse(t, draft{version: 0x0303, suites: manySuites(300), extensions: manyExtensions(150)}.tls())
	if got := h.JA4[:10]; got != "t12i999900" {
		t.Errorf("got %s", got)
	}
}

func TestFingerprints_GREASECountsNowhere(t *testing.T) {
	plain := draft{version: 0x0303, suites: []uint16{0x1301, 0xc02f}, extensions: [][]byte{
		extGroups(29, 23), extSignatures(0x0804), extVersions(0x0304)}}
	greased := draft{version: 0x0303, suites: []uint16{0x8a8a, 0x1301, 0xc02f}, extensions: [][]byte{
		ext(0x1a1a, nil), extGroups(0xdada, 29, 23), extSignatures(0x0804, 0x2a2a), extVersions(0xfafa, 0x0304), ext(0x3a3a, nil)}}
	a, b := mustParse(t, plain.tls()), mustParse(t, greased.tls())
	if a.JA3 != b.JA3 || a.JA4 != b.JA4 {
		t.Errorf("%s %s, with GREASE %s %s", a.JA3, a.JA4, b.JA3, b.JA4)
	}
	if a.Key() == b.Key() {
		t.Error("a hello with GREASE tells the same as one without")
	}
}
