package enrich_test

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/enrich"
)

func neighbour(t *testing.T, addr, mac string) enrich.Neighbour {
	t.Helper()
	hardware, err := net.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	return enrich.Neighbour{Addr: address(addr), MAC: hardware}
}

func TestIndex_LeavesOutWhatIsNoDevices(t *testing.T) {
	table := []enrich.Neighbour{
		neighbour(t, "192.0.2.10", "00:00:48:01:02:03"),
		neighbour(t, "::ffff:192.0.2.11", "00:00:48:01:02:04"),
		neighbour(t, "fe80::1%eth0", "00:00:48:01:02:05"),
		neighbour(t, "fe80::1%eth1", "00:00:48:01:02:06"),
		neighbour(t, "192.0.2.12", "00:00:48:01:02:07"), // claimed twice, by one
		neighbour(t, "192.0.2.12", "00:00:48:01:02:07"),
		neighbour(t, "192.0.2.13", "00:00:48:01:02:08"), // by two, and then by the first again
		neighbour(t, "192.0.2.13", "00:00:48:01:02:09"),
		neighbour(t, "192.0.2.13", "00:00:48:01:02:08"),
		neighbour(t, "192.0.2.14", "00:00:00:00:00:00"),
		neighbour(t, "192.0.2.15", "ff:ff:ff:ff:ff:ff"),
		neighbour(t, "224.0.0.251", "01:00:5e:00:00:fb"),
		neighbour(t, "192.0.2.16", "00:00:48:01:02:03:04:05"),
		{Addr: address("192.0.2.17")},
	}
	for i := range byte(9) { // a router that answers for others
		table = append(table, enrich.Neighbour{Addr: netip.AddrFrom4([4]byte{198, 51, 100, i}), MAC: net.HardwareAddr{0, 0, 0x5e, 0, 1, 1}})
	}
	want := map[netip.Addr]string{
		address("192.0.2.10"):   "00:00:48:01:02:03",
		address("192.0.2.11"):   "00:00:48:01:02:04",
		address("fe80::1%eth0"): "00:00:48:01:02:05",
		address("fe80::1%eth1"): "00:00:48:01:02:06",
		address("192.0.2.12"):   "00:00:48:01:02:07",
	}
	if got := enrich.Index(table); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestFacts_AdapterIsToldWhateverItHides: a device that takes many addresses, or one that another claims too, is still at its adapter.
func TestFacts_AdapterIsToldWhateverItHides(t *testing.T) {
	n := new(network)
	var table []enrich.Neighbour
	for i := range byte(9) {
		table = append(table, enrich.Neighbour{Addr: netip.AddrFrom4([4]byte{192, 0, 2, i}), MAC: net.HardwareAddr{0, 0, 0x48, 1, 2, 3}})
	}
	n.set(append(table, neighbour(t, "192.0.2.20", "00:00:48:01:02:04"), neighbour(t, "192.0.2.20", "00:00:48:01:02:05"))...)
	e := enrich.New(enrich.Options{MACAddress: true, Neighbours: n.read})
	for addr, want := range map[string]string{"192.0.2.8": "00:00:48:01:02:03", "192.0.2.20": "00:00:48:01:02:04", "192.0.2.30": ""} {
		if got := e.Facts(address(addr)); got.MAC != "" || got.Adapter != want {
			t.Errorf("%s: the device has MAC %q and its adapter %q, want none and %q", addr, got.MAC, got.Adapter, want)
		}
	}
}

// network is an Options.Neighbours that a test changes.
type network struct {
	table atomic.Pointer[[]enrich.Neighbour]
	fault atomic.Pointer[error]
	reads atomic.Int64
}

func (n *network) set(table ...enrich.Neighbour) { n.table.Store(&table) }

func (n *network) read() ([]enrich.Neighbour, error) {
	n.reads.Add(1)
	if err := n.fault.Load(); err != nil {
		return nil, *err
	}
	return *n.table.Load(), nil
}

func TestFacts_NeighbourHasMACAndVendorAtOnce(t *testing.T) {
	n, d := new(network), newDiary()
	n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"), neighbour(t, "192.0.2.1", "00:00:0c:01:02:03"),
		neighbour(t, "2001:db8::7", "da:a1:19:00:00:01"))
	e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, Learned: d.learned})
	for addr, want := range map[string]enrich.Facts{
		"192.0.2.10":   {MAC: "00:00:48:01:02:03", Adapter: "00:00:48:01:02:03", Vendor: "Seiko Epson Corporation"},
		"2001:db8::7":  {MAC: "da:a1:19:00:00:01", Adapter: "da:a1:19:00:00:01", RandomMAC: true},
		"198.51.100.7": {}, // behind the router 192.0.2.1
	} {
		if got := e.Facts(address(addr)); got != want {
			t.Errorf("%s: %+v, want %+v", addr, got, want)
		}
	}
	d.wait(t, "192.0.2.10 source_mac=00:00:48:01:02:03")
	d.wait(t, "192.0.2.10 vendor=Seiko Epson Corporation")
	d.wait(t, "2001:db8::7 source_mac=da:a1:19:00:00:01")
	for _, line := range d.all() {
		if strings.HasPrefix(line, "198.") || line == "2001:db8::7 vendor=" {
			t.Errorf("told %q", line)
		}
	}
}

func TestFacts_TableIsNotReadTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(network)
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"))
		e := enrich.New(enrich.Options{MACAddress: true, Neighbours: n.read})
		for _, c := range []struct {
			after time.Duration
			addr  string
			reads int64
		}{
			{0, "192.0.2.10", 1},
			{0, "198.51.100.7", 1}, // not there, but read this moment
			{time.Second - 1, "198.51.100.7", 1},
			{1, "198.51.100.7", 2}, // may have come meanwhile
			{5*time.Second - 1, "192.0.2.10", 2},
			{1, "192.0.2.10", 3},
		} {
			time.Sleep(c.after)
			e.Facts(address(c.addr))
			if got := n.reads.Load(); got != c.reads {
				t.Errorf("%s after %s more: read %d times, want %d", c.addr, c.after, got, c.reads)
			}
		}
	})
}

func TestFacts_NeighbourNewerThanTheTableIsFoundSoonAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, d := new(network), newDiary()
		n.set()
		e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, Learned: d.learned})
		e.Facts(address("192.0.2.10"))
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"))
		if got := e.Facts(address("192.0.2.10")).MAC; got != "" {
			t.Fatalf("the table was read twice at once")
		}
		time.Sleep(2*time.Second + 1)
		synctest.Wait()
		want := []string{"192.0.2.10 source_mac=00:00:48:01:02:03", "192.0.2.10 vendor=Seiko Epson Corporation"}
		if got := d.all(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		reads := n.reads.Load()
		time.Sleep(time.Hour)
		if n.reads.Load() != reads {
			t.Error("the table is read although nobody asks")
		}
	})
}

func TestFacts_AnotherMACIsAnotherDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, d, s := new(network), newDiary(), newNameServer()
		s.give("192.0.2.10", "first.example")
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"))
		e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, ReverseDNS: true, Resolver: s.stream(), Learned: d.learned})
		e.Facts(address("192.0.2.10"))
		synctest.Wait()
		n.set()
		s.set(func(s *nameServer) {
			s.names["192.0.2.10"], s.addrs["second.example"] = []string{"second.example"}, []string{"192.0.2.10"}
		})
		time.Sleep(time.Minute)
		if got := e.Facts(address("192.0.2.10")); got.MAC != "00:00:48:01:02:03" || got.Name != "first.example" {
			t.Errorf("a gap in the table took something away: %+v", got)
		}
		n.set(neighbour(t, "192.0.2.10", "da:a1:19:00:00:01"))
		time.Sleep(time.Minute)
		e.Facts(address("192.0.2.10"))
		synctest.Wait()
		if got, want := e.Facts(address("192.0.2.10")),
			(enrich.Facts{Name: "second.example", MAC: "da:a1:19:00:00:01", Adapter: "da:a1:19:00:00:01", RandomMAC: true}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		for _, want := range []string{"192.0.2.10 vendor=", "192.0.2.10 source_name=second.example", "192.0.2.10 source_mac=da:a1:19:00:00:01"} {
			if !slices.Contains(d.all(), want) {
				t.Errorf("never told %q, only %q", want, d.all())
			}
		}
	})
}

func TestFacts_TheAddressNotSeenForLongestIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(network)
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"), neighbour(t, "192.0.2.11", "00:00:48:01:02:04"))
		e := enrich.New(enrich.Options{MACAddress: true, Neighbours: n.read})
		e.Facts(address("192.0.2.10"))
		e.Facts(address("192.0.2.11"))
		n.set() // only memory has them now
		time.Sleep(time.Minute)
		e.Facts(address("192.0.2.10"))
		addr := address("10.0.0.1")
		for range enrich.MaxAddresses - 1 {
			e.Facts(addr)
			addr = addr.Next()
		}
		if got := e.Facts(address("192.0.2.10")).MAC; got != "00:00:48:01:02:03" {
			t.Errorf("the one seen again was forgotten: %q", got)
		}
		if got := e.Facts(address("192.0.2.11")).MAC; got != "" {
			t.Errorf("the one not seen again was kept: %q", got)
		}
	})
}

func TestRun_WarnsOnceWhileTheTableCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(network)
		n.set(neighbour(t, "192.0.2.10", "00:00:48:01:02:03"))
		denied := errors.New("address family not supported")
		n.fault.Store(&denied)
		var warnings []string
		e := start(t, enrich.Options{MACAddress: true, Neighbours: n.read, Warn: func(err error) { warnings = append(warnings, err.Error()) }})
		for range 10 {
			e.Facts(address("192.0.2.10"))
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if len(warnings) != 1 || !strings.Contains(warnings[0], "AF_NETLINK") || !strings.Contains(warnings[0], denied.Error()) {
			t.Errorf("warned %q", warnings)
		}
		if got := e.Stats().NeighboursFailed; got < 10 {
			t.Errorf("%d failed readings counted", got)
		}
		n.fault.Store(nil)
		if got := e.Facts(address("192.0.2.10")).MAC; got != "00:00:48:01:02:03" {
			t.Errorf("MAC %q after the fault", got)
		}
	})
}

func BenchmarkFacts(b *testing.B) {
	table := []enrich.Neighbour{{Addr: address("192.0.2.10"), MAC: net.HardwareAddr{0, 0, 0x48, 1, 2, 3}}}
	e := enrich.New(enrich.Options{MACAddress: true, Neighbours: func() ([]enrich.Neighbour, error) { return table, nil }})
	b.ReportAllocs()
	for b.Loop() {
		e.Facts(table[0].Addr)
	}
}
