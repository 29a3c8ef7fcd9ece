package vendors

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestParse_TakesOnlyAssignments(t *testing.T) {
	for _, c := range []struct {
		line string
		want string // the name; "" for a line that is skipped
	}{
		{`MA-L,000048,Seiko Epson Corporation,80 Hirooka`, "Seiko Epson Corporation"},
		{`MA-L,F4BD9E,"Cisco Systems, Inc",80 West`, "Cisco Systems, Inc"},
		{`MA-L,000001,  Two   words ,x`, "Two words"},
		{"MA-L,000002,\"Red\x1b[31m and\nlines\",x", "Red [31m and lines"},
		{"MA-L,000003,bytes \xff\xfe here,x", "bytes here"},
		{"MA-L,000004,\u202eevil,x", "evil"},
		{`MA-L,000005,` + strings.Repeat("é", 200) + `,x`, strings.Repeat("é", 80)},
		{`Registry,Assignment,Organization Name,Organization Address`, ""},
		{`MA-L,000048,Private,`, ""},
		{`MA-L,0050C2,IEEE Registration Authority,`, ""},
		{`MA-L,0000481,one digit too many,`, ""},
		{`MA-L,00004,one digit too few,`, ""},
		{`MA-L,00004G,no digits,`, ""},
		{`MA-L,+00048,a sign,`, ""},
		{`MA-X,000048,no register,`, ""},
		{`MA-L,000048`, ""},
		{`MA-L,000048,,`, ""},
	} {
		got, err := readCSV(strings.NewReader(c.line), nil)
		if err != nil {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		name := ""
		if len(got) == 1 {
			name = got[0].name
		}
		if name != c.want || len(got) > 1 {
			t.Errorf("%q: %q (%d), want %q", c.line, name, len(got), c.want)
		}
	}
}

func TestCompile_IsTheSameInAnyOrder(t *testing.T) {
	all := []assignment{{24, 0x80030, "NETWORK RESEARCH"}, {24, 0x80030, "CERN"}, {36, 0x50C27D5AB, "c"}, {28, 7, "b"}, {24, 1, "c"}}
	forth := compile(time.Time{}, slices.Clone(all))
	slices.Reverse(all)
	back := compile(time.Time{}, all)
	if !bytes.Equal(forth.appendPlain(nil), back.appendPlain(nil)) {
		t.Error("the order of the lines changes the registry")
	}
	if name, _ := forth.Lookup([]byte{8, 0, 0x30, 1, 2, 3}); name != "CERN" {
		t.Errorf("given twice: %q, want the name that sorts first", name)
	}
	if forth.Len() != 4 {
		t.Errorf("%d prefixes, want 4", forth.Len())
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("Registry,Assignment,Organization Name,Organization Address\r\nMA-L,000048,\"Seiko, Epson\",x\r\n"))
	f.Add([]byte("MA-S,70B3D5F2F,TELEPLATFORMS,\"Polbina\nst., 3/1\"\nMA-M,208593B,IOG,\n"))
	f.Add([]byte("MA-L,000048,\"never closed\n\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := readCSV(bytes.NewReader(file), nil)
		if err != nil {
			return
		}
		for _, a := range all {
			if a.prefix>>a.bits != 0 {
				t.Fatalf("%x does not fit into %d bits", a.prefix, a.bits)
			}
			if a.name == "" || utf8.RuneCountInString(a.name) > maxName ||
				strings.ContainsFunc(a.name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("name %q", a.name)
			}
		}
		checkRoundTrip(t, compile(time.Unix(1, 0), all))
	})
}

func checkRoundTrip(t *testing.T, want *Registry) {
	t.Helper()
	var file bytes.Buffer
	if err := want.Encode(&file); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.appendPlain(nil), want.appendPlain(nil)) {
		t.Fatal("Decode does not give back what Encode wrote")
	}
}

func FuzzDecode(f *testing.F) {
	small := compile(time.Unix(1, 0), []assignment{{24, 0x48, "Seiko"}, {36, 0x70B3D5F2F, "Tele"}})
	f.Add(small.appendPlain(nil))
	f.Fuzz(func(t *testing.T, plain []byte) {
		d := decoder{r: bufio.NewReader(bytes.NewReader(plain))}
		r := d.registry()
		if d.err != nil {
			return
		}
		for _, table := range r.tables {
			for _, n := range table.names {
				_ = r.name(n) // must not lie outside
			}
		}
		r.Lookup([]byte{0, 0, 0x48, 1, 2, 3})
	})
}
