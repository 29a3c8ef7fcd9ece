package hello_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/hello"
)

func mustParse(t testing.TB, raw []byte) *hello.Hello {
	t.Helper()
	h, err := hello.Parse(raw)
	if err != nil {
		t.Fatalf("Parse(%x) = %v", raw, err)
	}
	return h
}

func TestParse_CapturedHellos(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			got := facts(mustParse(t, v.raw))
			for _, name := range slices.Sorted(maps.Keys(v.facts)) {
				if got[name] != v.facts[name] {
					t.Errorf("%s:\n got %q\nwant %q", name, got[name], v.facts[name])
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("read what was not sent: %v", got)
			}
		})
	}
}

func TestParse_EachShorterPrefixIsIncomplete(t *testing.T) {
	for _, v := range vectors(t) {
		for n := range v.raw {
			if h, err := hello.Parse(v.raw[:n]); !errors.Is(err, hello.ErrIncomplete) || h != nil {
				t.Fatalf("%s: Parse of %d of %d bytes = %v, %v", v.name, n, len(v.raw), h, err)
			}
		}
	}
}

func TestParse_IgnoresWhatFollows(t *testing.T) {
	for _, v := range vectors(t) {
		want := mustParse(t, v.raw)
		for _, tail := range []string{"\x17\x03\x03\x00\x10", "\x16\x03\x01", "a1 LOGIN\r\n", strings.Repeat("x", hello.MaxSize)} {
			if got := mustParse(t, append(slices.Clone(v.raw), tail...)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s followed by %.10q: got %+v, want %+v", v.name, tail, got, want)
			}
		}
	}
}

func TestParse_ReadsAnyFragmentation(t *testing.T) {
	for _, v := range vectors(t) {
		want := mustParse(t, v.raw)
		if want.Format != hello.FormatTLS || v.name == "hand-record-a-byte" {
			continue
		}
		for _, size := range []int{1, 2, 3, 4, 5, 7, 43, 100} {
			cut := records(v.raw[5:], size)
			cut[2] = byte(want.RecordVersion)
			if got := mustParse(t, cut); !reflect.DeepEqual(got, want) {
				t.Errorf("%s in records of %d bytes: got %+v, want %+v", v.name, size, got, want)
			}
		}
	}
}

func TestParse_KeepsNothingOfItsInput(t *testing.T) {
	for _, v := range vectors(t) {
		raw := slices.Clone(v.raw)
		got, want := mustParse(t, raw), mustParse(t, v.raw)
		clear(raw)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s changed with the bytes it was read from", v.name)
		}
	}
}

func TestParse_PlainTextAndGarbageAreNotTLS(t *testing.T) {
	for _, input := range []string{
		"a", "A001 CAPABILITY\r\n", "* OK", "1 LOGIN me secret\r\n", "CAPA\r\n", "USER scanner1\r\n", "QUIT\n", "\r\n", " ",
		"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "SSH-2.0-x\r\n", "EHLO x\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "\r\n\r\n\x00\r\nQUIT\n",
		"\x00", "\x01", "\x14\x03\x01", "\x15\x03\x01\x00\x02\x02\x28", "\x17\x03\x03", "\x7f",
		"\x16A", "\x16\x02\x00", "\x16\x16", "\xef\xbb\xbfa1 LOGIN", "\xfc\xfc\xfc", "\xff\xff\xff\xff", "\x80\x2e\x02",
		"\x80\x2e\x01\x04", "\x80\x2e\x01\x00\x03", "\x80\x2e\x01\x00\x00", "\x80\x2e\x01\x02",
	} {
		if h, err := hello.Parse([]byte(input)); !errors.Is(err, hello.ErrNotTLS) || h != nil {
			t.Errorf("Parse(%q) = %v, %v; want ErrNotTLS", input, h, err)
		}
	}
}

// No line that a person or a mail program types may be waited for in vain.
func TestParse_EveryPrintableFirstByteIsNotTLS(t *testing.T) {
	for c := range byte(0x80) {
		_, err := hello.Parse([]byte{c})
		want := hello.ErrNotTLS
		if c == 22 {
			want = hello.ErrIncomplete
		}
		if !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %v, want %v", c, err, want)
		}
	}
}

func TestParse_NothingIsIncomplete(t *testing.T) {
	for _, input := range [][]byte{nil, {}, {22}, {22, 3}, {0x80}, {0xff, 0xff}, {0x80, 46, 1}, {0x80, 46, 1, 3}, {0x80, 46, 1, 0}} {
		if h, err := hello.Parse(input); !errors.Is(err, hello.ErrIncomplete) || h != nil {
			t.Errorf("Parse(%x) = %v, %v; want ErrIncomplete", input, h, err)
		}
	}
}

func TestParse_Lenient(t *testing.T) {
	h := mustParse(t, draft{version: 0x0303, session: 255, extensions: [][]byte{
		extGroups(), extSignatures(), extVersions(), extALPN(), ext(11, []byte{0}), extServerName(),
		ext(0xabcd, []byte("of no interest")),
	}}.tls())
	if h.Suites == nil || h.Groups == nil || h.Signatures == nil || h.Versions == nil || h.ALPN == nil || h.PointFormats == nil {
		t.Errorf("an empty list that was sent reads as absent: %+v", h)
	}
	if n := len(h.Suites) + len(h.Groups) + len(h.Signatures) + len(h.Versions) + len(h.ALPN) + len(h.PointFormats); n != 0 {
		t.Errorf("empty lists have %d entries", n)
	}
	if h.SessionIDLen != 255 || h.MaxVersion != 0 || len(h.Extensions) != 7 {
		t.Errorf("got %+v", h)
	}
	if h := mustParse(t, draft{version: 0x0303, extensions: [][]byte{}}.tls()); h.Extensions == nil || len(h.Extensions) != 0 {
		t.Errorf("an empty block of extensions reads as %v", h.Extensions)
	}
}

func TestParse_ServerName(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ name, want string }{
		{"bridge.contoso.local", "bridge.contoso.local"},
		{"\x00\xff\u202e", "\x00\xff\u202e"},
		{"", ""},
		{long, long[:255]},
	} {
		h := mustParse(t, draft{version: 0x0303, extensions: [][]byte{extServerName(c.name, "second")}}.tls())
		if want := c.want; h.ServerName != want && want != "" {
			t.Errorf("server name %q, want %q", h.ServerName, want)
		}
	}
	other := ext(0, vec16(append(append([]byte{7}, vec16([]byte("other"))...), append([]byte{0}, vec16([]byte("host"))...)...)))
	if h := mustParse(t, draft{version: 0x0303, extensions: [][]byte{other}}.tls()); h.ServerName != "host" {
		t.Errorf("server name %q, want the one of type host_name", h.ServerName)
	}
}

func TestParse_MaxVersion(t *testing.T) {
	for _, c := range []struct {
		name   string
		legacy uint16
		list   []uint16
		want   hello.Version
	}{
		{"SSL 3.0", 0x0300, nil, hello.SSL3},
		{"TLS 1.0", 0x0301, nil, hello.TLS10},
		{"TLS 1.1", 0x0302, nil, hello.TLS11},
		{"TLS 1.2", 0x0303, nil, hello.TLS12},
		{"1.3 can not be asked for by the old field", 0x0304, nil, hello.TLS12},
		{"a future version by the old field", 0x0400, nil, hello.TLS12},
		{"SSL 2.0 in a TLS record", 0x0002, nil, hello.SSL2},
		{"no version that anyone knows", 0x0200, nil, 0},
		{"the list alone counts", 0x0303, []uint16{0x0301}, hello.TLS10},
		{"any order", 0x0303, []uint16{0x0301, 0x0304, 0x0303}, hello.TLS13},
		{"GREASE is above all", 0x0303, []uint16{0xfafa, 0x0304}, hello.TLS13},
		{"drafts are nothing", 0x0303, []uint16{0x7f1c, 0x0303}, hello.TLS12},
		{"only GREASE", 0x0303, []uint16{0x0a0a}, 0},
	} {
		d := draft{version: c.legacy}
		if c.list != nil {
			d.extensions = [][]byte{extVersions(c.list...)}
		}
		if h := mustParse(t, d.tls()); h.MaxVersion != c.want || h.LegacyVersion != hello.Version(c.legacy) {
			t.Errorf("%s: %v of %v, want %v", c.name, h.MaxVersion, h.LegacyVersion, c.want)
		}
	}
}

func TestParse_Signals(t *testing.T) {
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{draft{version: 0x0301}.tls(), ""},
		{draft{version: 0x0301, suites: []uint16{0x00ff}}.tls(), "renegotiation_info"},
		{draft{version: 0x0301, suites: []uint16{0x5600}}.tls(), "fallback_scsv"},
		{draft{version: 0x0301, extensions: [][]byte{ext(0xff01, []byte{0})}}.tls(), "renegotiation_info"},
		{draft{version: 0x0301, extensions: [][]byte{ext(35, nil)}}.tls(), "tickets"},
		{sslv2(0x0301, 0, 0x2f, 0xff, 0x5600), "fallback_scsv renegotiation_info"},
		{sslv2(0x0301, 0, 0x2f, 0x0100ff), ""},
	} {
		if got := signals(mustParse(t, c.raw)); got != c.want {
			t.Errorf("Parse(%x) tells %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestNone(t *testing.T) {
	if h := hello.None(); h.Format != hello.FormatNone || h.JA3 != "" || h.JA4 != "" || h.Suites != nil {
		t.Errorf("None() = %+v", h)
	}
}

func TestVersion(t *testing.T) {
	for v, want := range map[hello.Version]string{
		hello.SSL2: "ssl2", hello.SSL3: "ssl3", hello.TLS10: "1.0", hello.TLS11: "1.1", hello.TLS12: "1.2", hello.TLS13: "1.3",
	} {
		if v.String() != want {
			t.Errorf("%#x is %q, want %q", uint16(v), v, want)
		}
	}
	for v, want := range map[hello.Version]string{0x7f1c: "0x7f1c", 0x0a0a: "0x0a0a", 0: "0x0000", 0x0305: "0x0305"} {
		if v.String() != want {
			t.Errorf("%#x is %q, want %q", uint16(v), v, want)
		}
	}
}
