package hello_test

import (
	"testing"

	"drawbridge/internal/hello"
)

func TestKey_DiffersWhereTheHelloDoes(t *testing.T) {
	base := func() draft {
		return draft{version: 0x0303, suites: []uint16{0xc02f, 0x2f}, extensions: [][]byte{
			extServerName("a"), extGroups(23, 24), extSignatures(0x0401), extALPN("imap")}}
	}
	seen := map[string]string{}
	add := func(name string, raw []byte) {
		key := mustParse(t, raw).Key()
		if len(key) != 32 {
			t.Errorf("%s: key %q", name, key)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[key] = name
	}
	add("base", base().tls())
	for name, change := range map[string]func(*draft){
		"version":         func(d *draft) { d.version = 0x0302 },
		"suites":          func(d *draft) { d.suites = []uint16{0x2f, 0xc02f} },
		"a suite less":    func(d *draft) { d.suites = d.suites[:1] },
		"server name":     func(d *draft) { d.extensions[0] = extServerName("b") },
		"groups":          func(d *draft) { d.extensions[1] = extGroups(24, 23) },
		"empty groups":    func(d *draft) { d.extensions[1] = extGroups() },
		"no groups":       func(d *draft) { d.extensions = d.extensions[2:] },
		"schemes":         func(d *draft) { d.extensions[2] = extSignatures(0x0501) },
		"protocols":       func(d *draft) { d.extensions[3] = extALPN("im", "ap") },
		"extension order": func(d *draft) { d.extensions[0], d.extensions[1] = d.extensions[1], d.extensions[0] },
		"versions":        func(d *draft) { d.extensions = append(d.extensions, extVersions(0x0304)) },
		"an odd share":    func(d *draft) { d.extensions = append(d.extensions, ext(51, []byte{0, 4, 0, 23, 0, 0})) },
		"a good share":    func(d *draft) { d.extensions = append(d.extensions, ext(51, []byte{0, 5, 0, 23, 0, 1, 4})) },
		"no extensions":   func(d *draft) { d.extensions = nil },
	} {
		d := base()
		change(&d)
		add(name, d.tls())
	}
	add("SSLv2 format", sslv2(0x0303, 0, 0xc02f, 0x2f))
	add("SSLv2 format, a kind first", sslv2(0x0303, 0, 0x010080, 0x2f))
	add("SSLv2 format, a kind last", sslv2(0x0303, 0, 0x2f, 0x010080))
	seen[hello.None().Key()] = "none"
	if len(seen) != 19 {
		t.Errorf("%d keys, want 19", len(seen))
	}
}

func TestKey_PassesOverWhatChangesFromConnectionToConnection(t *testing.T) {
	hi := func(session int, grease uint16) draft {
		return draft{version: 0x0303, session: session, suites: []uint16{grease, 0x1301},
			extensions: [][]byte{ext(grease, nil), extGroups(grease, 23), extVersions(grease, 0x0304)}}
	}
	a := hi(0, 0x0a0a).tls()
	b := hi(32, 0xfafa).tls()
	copy(b[11:43], "another random, which tells none")
	if x, y := mustParse(t, a).Key(), mustParse(t, b).Key(); x != y {
		t.Errorf("%s and %s", x, y)
	}
	broken := mustFail(t, withExtensions(ext(10, nil))).Hello
	whole := *broken
	if h := mustParse(t, withExtensions()); h.Key() == broken.Key() || whole.Key() != broken.Key() {
		t.Error("the key of a broken hello")
	}
}
