package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

func openVerified(t *testing.T, path string) *guard.Verified {
	t.Helper()
	v, err := guard.OpenVerified(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// runVerified runs v until the function it returns is called, which gives Run's error.
func runVerified(v *guard.Verified) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func TestVerified_PairsAreKnownForThirtyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := openVerified(t, "")
		v.Record(printer, "Scans@Contoso.com")
		v.Record(printer, `CONTOSO\scans`)
		v.Record(stranger, "scans")
		if !v.Has(printer, "scans@contoso.COM") || !v.Has(stranger, "SCANS") || !v.Has(printer, "scans") || v.Has(printer, "scan") ||
			v.Has(netip.MustParseAddr("10.20.9.8"), "scans") {
			t.Error("pairs are mixed up, or spellings are not one")
		}
		if got := v.SourcesOf("scans@elsewhere"); got != 2 {
			t.Errorf("%d sources, want 2", got)
		}
		pass(20 * 24 * time.Hour)
		v.Record(stranger, "scans")
		pass(10*24*time.Hour - 1)
		if !v.Has(printer, "scans@contoso.com") {
			t.Error("forgotten too early")
		}
		pass(1)
		if v.Has(printer, "scans@contoso.com") || v.SourcesOf("scans") != 1 || !v.Has(stranger, "scans") {
			t.Error("not forgotten after 30 days")
		}
		pass(20 * 24 * time.Hour)
		if v.SourcesOf("scans") != 0 {
			t.Error("a source is left")
		}
		if pairs, users, sources, _ := v.Sizes(); pairs+users+sources != 0 {
			t.Errorf("left: %d pairs, %d users, %d sources", pairs, users, sources)
		}
	})
}

func TestVerified_IsBounded(t *testing.T) {
	v := openVerified(t, "")
	for i := range guard.MaxVerified + 10 {
		v.Record(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint("user", i%7))
	}
	pairs, users, sources, crowds := v.Sizes()
	if pairs != guard.MaxVerified || users != guard.MaxVerified || sources != 7 || crowds > 10_000 {
		t.Errorf("%d pairs, %d users, %d sources, %d crowds", pairs, users, sources, crowds)
	}
	if v.Has(netip.MustParseAddr("10.0.0.9"), "user2") || !v.Has(netip.MustParseAddr("10.0.0.10"), "user3") {
		t.Error("not the oldest ones went")
	}
}

func TestVerified_IsKeptOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "verified.json")
	synctest.Test(t, func(t *testing.T) {
		v := openVerified(t, path)
		stop := runVerified(v)
		v.Record(printer, "scans@contoso.com")
		v.Record(netip.MustParseAddr("2001:db8::1"), "Fax")
		v.Record(netip.MustParseAddr("fe80::1%eth0"), "phone")
		pass(5 * time.Second)
		w := openVerified(t, path)
		if !w.Has(printer, "scans@contoso.com") || !w.Has(netip.MustParseAddr("2001:db8::1"), "fax") ||
			w.Has(netip.MustParseAddr("2001:db8::2"), "fax") || !w.Has(netip.MustParseAddr("fe80::1%eth0"), "phone") ||
			w.Has(netip.MustParseAddr("fe80::2%eth0"), "phone") || w.Has(netip.MustParseAddr("fe80::1%eth1"), "phone") {
			t.Error("not written within seconds, or not as it was")
		}
		if w.SourcesOf("scans") != 1 || w.Damaged() != nil {
			t.Errorf("%d sources; damaged: %v", w.SourcesOf("scans"), w.Damaged())
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		v.Record(printer, "scans@contoso.com")
		pass(30 * time.Minute)
		if _, err := os.Stat(path); err == nil {
			t.Error("written although nothing was new")
		}
		pass(31 * time.Minute)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("not written after an hour: %v", err)
		}
		v.Record(stranger, "last")
		if err := stop(); err != nil {
			t.Error(err)
		}
		if !openVerified(t, path).Has(stranger, "last") {
			t.Error("the last pair was not written")
		}
	})
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("%d files, want 1", len(list))
	}
}

func TestVerified_OldPairsAndWrongClocksInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "verified.json")
	now := time.Now().UTC()
	lines := fmt.Sprintf(`{"source":"10.0.0.1","account":"old","last":%q}
{"source":"10.0.0.2","account":"ahead","last":%q}
{"source":"10.0.0.3","shared":true,"last":%q}
{"source":"2001:db8::/64","account":"network","last":%[3]q}
`, now.Add(-31*24*time.Hour).Format(time.RFC3339), now.Add(1000*24*time.Hour).Format(time.RFC3339), now.Format(time.RFC3339))
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	v := openVerified(t, path)
	if v.Damaged() != nil || v.Has(netip.MustParseAddr("10.0.0.1"), "old") || v.SourcesOf("old") != 0 {
		t.Errorf("an old pair is known; damaged: %v", v.Damaged())
	}
	if !v.Has(netip.MustParseAddr("10.0.0.2"), "ahead") || !v.IsShared(netip.MustParseAddr("10.0.0.3")) {
		t.Error("a pair or a shared source was not read")
	}
	if v.Has(netip.MustParseAddr("2001:db8::"), "network") || v.SourcesOf("network") != 0 {
		t.Error("a whole network is known, as in the files of earlier builds")
	}
}

func TestVerified_DamagedFileIsSetAside(t *testing.T) {
	for _, damage := range []string{
		"garbage", `{"source":"10.0.0.1","account":"a","last":"2026-01-01T00:00:00Z"}` + "\n{\"sou",
		`{"source":"nowhere","account":"a","last":"2026-01-01T00:00:00Z"}`, `{"unknown":1}`, "\x00\x00\x00",
	} {
		path := filepath.Join(t.TempDir(), "verified.json")
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		v := openVerified(t, path)
		if err := v.Damaged(); err == nil || !strings.Contains(err.Error(), "set aside as "+path+".damaged") {
			t.Errorf("%q: %v", damage, err)
		}
		if got, _ := os.ReadFile(path + ".damaged"); string(got) != damage {
			t.Errorf("%q is not set aside", damage)
		}
		if pairs, users, _, _ := v.Sizes(); pairs+users != 0 {
			t.Errorf("%q: %d pairs", damage, pairs)
		}
		v.Record(printer, "scans")
		if err := runVerified(v)(); err != nil || !openVerified(t, path).Has(printer, "scans") {
			t.Errorf("%q: cannot be written anew: %v", damage, err)
		}
	}
}

func TestVerified_UnreadableAndUnwritable(t *testing.T) {
	dir := t.TempDir()
	if _, err := guard.OpenVerified(filepath.Join(dir, "x\x00")); err == nil {
		t.Error("an impossible path is opened")
	}
	path := filepath.Join(dir, "gone", "verified.json")
	synctest.Test(t, func(t *testing.T) {
		v := openVerified(t, path)
		stop := runVerified(v)
		v.Record(printer, "scans")
		pass(5 * time.Second)
		if !errors.Is(v.Err(), os.ErrNotExist) {
			t.Errorf("the error is %v", v.Err())
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if v.Err() != nil || !openVerified(t, path).Has(printer, "scans") {
			t.Errorf("not tried again: %v", v.Err())
		}
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		v.Record(printer, "fax")
		if err := stop(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Run returned %v", err)
		}
	})
	inTheWay := filepath.Join(dir, "verified.json")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := guard.OpenVerified(inTheWay); err == nil || !strings.Contains(err.Error(), "read the verified logins") {
		t.Errorf("a folder is read: %v", err)
	}
	if _, err := os.Stat(inTheWay); err != nil {
		t.Errorf("what cannot be read was set aside: %v", err)
	}
}

func TestVerified_SourceWithMoreThanTwentyUsersADayIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "verified.json")
	synctest.Test(t, func(t *testing.T) {
		v := openVerified(t, path)
		f := guard.NewFailures(guard.FailureOptions{Verified: v})
		for i := range 20 {
			v.Record(printer, fmt.Sprintf("user%d@contoso.com", i))
			v.Record(printer, fmt.Sprintf(`CONTOSO\user%d`, i)) // the same one
			v.Record(stranger, fmt.Sprintf(`scans@contoso.com\mailbox%d`, i))
		}
		pass(24 * time.Hour)
		v.Record(printer, "user20")
		if v.IsShared(printer) {
			t.Error("shared with 20 users a day")
		}
		for i := range 21 {
			v.Record(printer, fmt.Sprint("user", i))
		}
		if !f.IsShared(printer) || f.IsShared(stranger) {
			t.Error("not found out, or the wrong one")
		}
		if err := runVerified(v)(); err != nil {
			t.Fatal(err)
		}
		w := openVerified(t, path)
		if got, want := w.Shared(), []netip.Addr{printer}; !slices.Equal(got, want) {
			t.Errorf("shared %v, want %v", got, want)
		}
		pass(30 * 24 * time.Hour)
		if w.IsShared(printer) || len(w.Shared()) != 0 {
			t.Error("shared for ever")
		}
	})
}

// A pattern is one entry of the list, and so is an account under all its aliases: a device with a fleet's password cannot make
// its address a shared source.
func TestFailures_CrowdIsCountedByEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 2)
		logIn := func(from netip.Addr, account, entry string) {
			t.Helper()
			a := attemptOf(from, "here", account, "right")
			a.Entry = entry
			c, err := d.failures.Begin(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			c.Done(login.Accepted)
		}
		for i := range 40 {
			logIn(printer, fmt.Sprintf("fax%d@contoso.com", i), "*@contoso.com")
			logIn(printer, fmt.Sprint("alias", i), "scanner1")
		}
		if d.failures.IsShared(printer) {
			t.Error("two entries make a shared source")
		}
		for i := range 21 {
			logIn(stranger, fmt.Sprint("scanner", i), fmt.Sprint("scanner", i))
		}
		if !d.failures.IsShared(stranger) {
			t.Error("21 entries make no shared source")
		}
	})
}

// Whoever has an account has all addresses of its /64 too: the pairs of others must not be forgotten for them.
func TestVerified_AddressesOfANetworkAreBounded(t *testing.T) {
	v := openVerified(t, "")
	from := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) }
	v.Record(from(5000), "printer")
	for i := range 1000 {
		v.Record(from(i), "mallory")
		v.Record(from(0), "mallory") // stays, since it comes back
	}
	if pairs, users, sources, _ := v.Sizes(); pairs != 65 || users != 65 || sources != 2 {
		t.Errorf("%d pairs, %d users, %d sources", pairs, users, sources)
	}
	if !v.Has(from(5000), "printer") || !v.Has(from(999), "mallory") || !v.Has(from(0), "mallory") || v.Has(from(900), "mallory") {
		t.Error("the wrong ones were forgotten")
	}
}

func TestFailures_GatewayIsShared(t *testing.T) {
	f := guard.NewFailures(guard.FailureOptions{Gateways: []netip.Addr{netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("fe80::1")}})
	for address, want := range map[string]bool{
		"172.17.0.1": true, "::ffff:172.17.0.1": true, "fe80::1%eth0": true, "172.17.0.2": false, "fe80::2%eth0": false,
	} {
		if got := f.IsShared(netip.MustParseAddr(address)); got != want {
			t.Errorf("IsShared(%s) = %v", address, got)
		}
	}
}
