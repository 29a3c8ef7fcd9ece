package vendors_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/enrich/vendors"
)

func embedded(t testing.TB) *vendors.Registry {
	t.Helper()
	r, err := vendors.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mac(t testing.TB, text string) net.HardwareAddr {
	t.Helper()
	m, err := net.ParseMAC(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLookup_KnowsTheRegistersOfEveryLength(t *testing.T) {
	r := embedded(t)
	for _, c := range []struct {
		about, mac, vendor string
		random             bool
	}{
		{"MA-L", "00:00:48:01:02:03", "Seiko Epson Corporation", false},
		{"MA-L, last address", "00:00:48:ff:ff:ff", "Seiko Epson Corporation", false},
		{"MA-L, first of the file", "00:00:00:00:00:01", "XEROX CORPORATION", false},
		{"MA-M", "20:85:93:b0:00:01", "IOG Products LLC", false},
		{"MA-S", "70:b3:d5:f2:f0:01", "TELEPLATFORMS", false},
		{"IAB, closed in 2014", "00:50:c2:7d:50:01", "DEUTA-WERKE GmbH", false},
		{"a block that the IEEE keeps, the part is nobody's", "00:50:c2:04:d0:01", "", false},
		{"a maker who wants to be private", "74:1a:e0:90:00:01", "", false},
		{"random", "da:a1:19:00:00:01", "", true},
		{"random, where a prefix of old stands", "aa:00:04:00:00:01", "", true},
		{"all ones", "ff:ff:ff:ff:ff:ff", "", true},
		{"64 bits", "00:00:48:01:02:03:04:05", "", false},
	} {
		vendor, random := r.Lookup(mac(t, c.mac))
		if vendor != c.vendor || random != c.random {
			t.Errorf("%s: Lookup(%s) = %q, %v; want %q, %v", c.about, c.mac, vendor, random, c.vendor, c.random)
		}
	}
}

func TestLookup_ZeroRegistryKnowsNobody(t *testing.T) {
	if vendor, random := new(vendors.Registry).Lookup(mac(t, "00:00:48:01:02:03")); vendor != "" || random {
		t.Errorf("got %q, %v", vendor, random)
	}
}

func TestLookup_DoesNotAllocate(t *testing.T) {
	r, m := embedded(t), mac(t, "00:00:48:01:02:03")
	if n := testing.AllocsPerRun(100, func() { r.Lookup(m) }); n != 0 {
		t.Errorf("Lookup allocates %v times", n)
	}
}

func TestEmbedded_IsSmallAndWhole(t *testing.T) {
	info, err := os.Stat("vendors.gz")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 700<<10 {
		t.Errorf("vendors.gz has %d bytes, want 700 KiB at most", info.Size())
	}
	r := embedded(t)
	if r.Len() < 40_000 || r.Date().Before(time.Date(2022, 8, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d prefixes of %s", r.Len(), r.Date())
	}
}

func TestDecode_RefusesWhatIsNotWhole(t *testing.T) {
	whole, err := os.ReadFile("vendors.gz")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 39_989 {
		if _, err := vendors.Decode(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("the first %d of %d bytes were taken", n, len(whole))
		}
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-5] ^= 1 // in the checksum
	if _, err := vendors.Decode(bytes.NewReader(flipped)); err == nil {
		t.Error("a wrong checksum was taken")
	}
}

func TestDecode_GivesBackWhatEncodeWrote(t *testing.T) {
	dir := t.TempDir()
	writeRegister(t, dir, 12_000)
	want, err := vendors.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := want.Encode(&file); err != nil {
		t.Fatal(err)
	}
	got, err := vendors.Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != want.Len() || !got.Date().Equal(want.Date()) {
		t.Errorf("%d prefixes of %s, want %d of %s", got.Len(), got.Date(), want.Len(), want.Date())
	}
	for n := range 12_000 {
		m := net.HardwareAddr{0, byte(n >> 8), byte(n), 1, 2, 3}
		if name, _ := got.Lookup(m); m[0]&2 == 0 && name != fmt.Sprintf("Maker %d, Inc.", n) {
			t.Fatalf("%s is %q", m, name)
		}
	}
	if name, _ := got.Lookup(mac(t, "00:00:07:a1:00:00")); name != "Half a maker" {
		t.Errorf("the longer prefix lost: %q", name)
	}
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		about string
		spoil func(dir string) error
		want  string
	}{
		{"a file missing", func(dir string) error { return os.Remove(filepath.Join(dir, "mam.csv")) }, "mam.csv"},
		{"a file too long", func(dir string) error { return os.Truncate(filepath.Join(dir, "mam.csv"), 17<<20) }, "longer than 16 MiB"},
		{"a file cut", func(dir string) error { return os.Truncate(filepath.Join(dir, "oui.csv"), 1000) }, "install the package ieee-data anew"},
	} {
		dir := t.TempDir()
		writeRegister(t, dir, 10_000)
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := vendors.Read(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.about, err, c.want)
		}
	}
}

func TestDated_IsTheNewestFile(t *testing.T) {
	dir := t.TempDir()
	writeRegister(t, dir, 1)
	want := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "oui36.csv"), want, want); err != nil {
		t.Fatal(err)
	}
	got, err := vendors.Dated(dir)
	if err != nil || !got.Equal(want) {
		t.Errorf("Dated = %s, %v; want %s", got, err, want)
	}
	if _, err := vendors.Dated(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there has a date")
	}
}

// writeRegister writes files of n prefixes of 24 bits, one of 28, and one of 36, without the optional file.
func writeRegister(t *testing.T, dir string, n int) {
	t.Helper()
	var large strings.Builder
	large.WriteString("Registry,Assignment,Organization Name,Organization Address\r\n")
	for i := range n {
		fmt.Fprintf(&large, "MA-L,%06X,\"Maker %d, Inc.\",Street 1\r\n", i, i)
	}
	for name, text := range map[string]string{
		"oui.csv":   large.String(),
		"mam.csv":   "MA-M,000007A,Half a maker,x\n",
		"oui36.csv": "MA-S,0000071A1,Small maker,x\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r, m := embedded(b), mac(b, "00:00:48:01:02:03")
	b.ReportAllocs()
	for b.Loop() {
		r.Lookup(m)
	}
}

func BenchmarkEmbedded(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		embedded(b)
	}
}
