package enrich_test

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"drawbridge/internal/enrich"
)

func TestSystemNeighbours_AsksTheKernel(t *testing.T) {
	table, err := enrich.SystemNeighbours()
	if err != nil {
		t.Fatal(err)
	}
	for addr, mac := range enrich.Index(table) {
		if !addr.IsValid() || len(mac) != len("00:00:48:01:02:03") {
			t.Errorf("%s has %q", addr, mac)
		}
	}
}

const inside = "DRAWBRIDGE_TEST_INSIDE_NAMESPACE"

// TestSystemNeighbours_TakesOnlyKnownEntries runs itself in a network namespace of its own, where it may make an interface
// and neighbours. It needs root, or a kernel that gives everybody user namespaces.
func TestSystemNeighbours_TakesOnlyKnownEntries(t *testing.T) {
	if os.Getenv(inside) != "" {
		checkNamespace(t)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), inside+"=yes")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if id := os.Getuid(); id != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	out, err := c.CombinedOutput()
	if _, started := err.(*exec.ExitError); err != nil && !started {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no network namespace: %v", err)
		}
		t.Skipf("no network namespace here: %v", err)
	}
	if err != nil {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
}

func checkNamespace(t *testing.T) {
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lan0"}, PeerName: "lan1"}
	must(t, netlink.LinkAdd(link))
	must(t, netlink.LinkSetUp(link))
	for _, n := range []struct {
		addr, mac string
		state     int
	}{
		{"192.0.2.10", "00:00:48:01:02:03", netlink.NUD_REACHABLE},
		{"192.0.2.11", "00:00:48:01:02:04", netlink.NUD_STALE},
		{"192.0.2.12", "00:00:48:01:02:05", netlink.NUD_PERMANENT},
		{"192.0.2.13", "00:00:48:01:02:06", netlink.NUD_NOARP},
		{"192.0.2.14", "00:00:48:01:02:07", netlink.NUD_FAILED},
		{"2001:db8::10", "00:00:48:01:02:08", netlink.NUD_STALE},
		{"fe80::10", "00:00:48:01:02:09", netlink.NUD_PERMANENT},
	} {
		mac, err := net.ParseMAC(n.mac)
		must(t, err)
		must(t, netlink.NeighAdd(&netlink.Neigh{LinkIndex: link.Index, IP: net.ParseIP(n.addr), HardwareAddr: mac, State: n.state}))
	}
	table, err := enrich.SystemNeighbours()
	must(t, err)
	got := enrich.Index(table)
	for addr, want := range map[string]string{
		"192.0.2.10":    "00:00:48:01:02:03",
		"192.0.2.11":    "00:00:48:01:02:04",
		"192.0.2.12":    "00:00:48:01:02:05",
		"192.0.2.13":    "",
		"192.0.2.14":    "",
		"2001:db8::10":  "00:00:48:01:02:08",
		"fe80::10%lan0": "00:00:48:01:02:09",
		"fe80::10":      "",
	} {
		if got[address(addr)] != want {
			t.Errorf("%s: %q, want %q (of %v)", addr, got[address(addr)], want, table)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
