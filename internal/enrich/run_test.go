package enrich_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"drawbridge/internal/enrich"
)

// The agent stands outside the bubble of synctest: its goroutine waits for the network, which no clock can hurry.
func TestSNMP_IsAskedOnceADay(t *testing.T) {
	a := v2c("public", nil, nil)
	var mu sync.Mutex
	description := "firmware 1"
	a.reply = func(p *gosnmp.SnmpPacket) [][]byte {
		mu.Lock()
		defer mu.Unlock()
		return [][]byte{mustMarshal(&gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse,
			RequestID: p.RequestID, Variables: says(description)})}
	}
	o := asking(a.listen(t))
	n := new(network)
	n.set(neighbour(t, "127.0.0.1", "00:00:48:01:02:03"))

	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		e := start(t, enrich.Options{SNMP: o, MACAddress: true, Neighbours: n.read, Learned: d.learned})
		see := func(after time.Duration, want string, asked int64) {
			t.Helper()
			time.Sleep(after)
			e.Facts(address("127.0.0.1"))
			synctest.Wait()
			if got := e.Facts(address("127.0.0.1")).Description; got != want || a.asked.Load() != asked {
				t.Errorf("%q after %d requests, want %q after %d", got, a.asked.Load(), want, asked)
			}
		}
		see(0, "firmware 1", 1)
		mu.Lock()
		description = "firmware 2"
		mu.Unlock()
		see(24*time.Hour-time.Second, "firmware 1", 1)
		see(2*time.Second, "firmware 2", 2)
		n.set(neighbour(t, "127.0.0.1", "00:00:48:01:02:04")) // another device has the address
		see(time.Minute, "", 2)
		see(24*time.Hour, "firmware 2", 3)

		var told []string
		for _, line := range d.all() {
			if _, value, found := strings.Cut(line, "snmp_description="); found {
				told = append(told, value)
			}
		}
		if want := []string{"firmware 1", "firmware 2", "", "firmware 2"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

func TestLearned_WhoIsSlowIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table []enrich.Neighbour
		addr := address("10.0.0.1")
		for i := range enrich.MaxWaiting + 100 {
			table = append(table, neighbour(t, addr.String(), fmt.Sprintf("00:00:48:00:%02x:%02x", i>>8, i&255)))
			addr = addr.Next()
		}
		n, gate, told := new(network), make(chan struct{}), make(map[string]int)
		n.set(table...)
		e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, Learned: func(addr netip.Addr, key, _ string) {
			<-gate
			told[addr.String()+" "+key]++
		}})
		for _, n := range table {
			e.Facts(n.Addr)
		}
		synctest.Wait()
		if got := e.Stats().Dropped; got == 0 {
			t.Error("a full queue drops nothing")
		}
		close(gate)
		synctest.Wait()
		for _, n := range table {
			e.Facts(n.Addr)
		}
		synctest.Wait()
		for _, n := range table {
			for _, key := range []string{enrich.KeyMAC, enrich.KeyVendor} {
				if got := told[n.Addr.String()+" "+key]; got != 1 {
					t.Fatalf("%s %s was told %d times", n.Addr, key, got)
				}
			}
		}
	})
}

func TestRun_TakesANewerRegistryOfDebians(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		writeRegistry(t, dir, 10_000, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC))
		n, d := new(network), newDiary()
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"))
		var warnings []string
		e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, RegistryDir: dir, Learned: d.learned,
			Warn: func(err error) { warnings = append(warnings, err.Error()) }})
		see := func(about, want string) {
			t.Helper()
			synctest.Wait()
			if got := e.Facts(address("192.0.2.10")).Vendor; got != want {
				t.Errorf("%s: %q, want %q", about, got, want)
			}
			if got, _ := e.Vendor("00:00:48:01:02:03"); got != want {
				t.Errorf("%s: Vendor %q, want %q", about, got, want)
			}
		}
		see("older files", "Seiko Epson Corporation")
		writeRegistry(t, dir, 10, time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
		time.Sleep(24*time.Hour + 1)
		see("newer files, cut", "Seiko Epson Corporation")
		if len(warnings) != 1 || !strings.Contains(warnings[0], "install the package ieee-data anew") {
			t.Errorf("warned %q", warnings)
		}
		writeRegistry(t, dir, 10_000, time.Date(2031, 1, 2, 0, 0, 0, 0, time.UTC))
		time.Sleep(24 * time.Hour)
		see("newer files", "Maker 72")
		synctest.Wait()
		if want := "192.0.2.10 vendor=Maker 72"; !slices.Contains(d.all(), want) {
			t.Errorf("never told %q, only %q", want, d.all())
		}
	})
}

func writeRegistry(t *testing.T, dir string, n int, date time.Time) {
	t.Helper()
	var large strings.Builder
	for i := range n {
		fmt.Fprintf(&large, "MA-L,%06X,Maker %d,Street 1\n", i, i)
	}
	for name, text := range map[string]string{"oui.csv": large.String(), "mam.csv": "", "oui36.csv": ""} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, date, date); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFacts_ManyAtOnce(t *testing.T) {
	s, n := newNameServer(), new(network)
	for i := range 16 {
		s.give(fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("host-%d.example", i))
	}
	n.set(neighbour(t, "192.0.2.3", "00:00:48:01:02:03"))
	d := newDiary()
	e := start(t, enrich.Options{ReverseDNS: true, Resolver: s.listen(t), MACAddress: true, Neighbours: n.read, Learned: d.learned})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				e.Facts(address(fmt.Sprintf("192.0.2.%d", (i+worker)%16)))
				e.Stats()
			}
		})
	}
	all.Wait()
	for i := range 16 {
		d.wait(t, fmt.Sprintf("192.0.2.%d source_name=host-%d.example", i, i))
	}
	if got := e.Stats().NamesAsked; got != 16 {
		t.Errorf("%d lookups for 16 addresses", got)
	}
}
