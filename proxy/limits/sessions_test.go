package limits_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"drawbridge/internal/source"
	"drawbridge/proxy/limits"
)

// verified are the addresses that had a verified login.
type verified map[netip.Addr]bool

func (v verified) standing(a netip.Addr) source.Standing {
	if v[a] {
		return source.Standing{Key: source.AddressKey(a), Known: true}
	}
	return source.Unknown(a)
}

var (
	gateway = netip.MustParseAddr("172.17.0.1")
	crowd   = netip.MustParseAddr("10.20.0.99") // made itself a shared source
)

func standingOfShared(a netip.Addr) source.Standing {
	s := source.Unknown(a)
	s.Shared, s.Gateway = a == gateway || a == crowd, a == gateway
	return s
}

// door is Sessions whose places a test holds.
type door struct {
	*testing.T
	sessions *limits.Sessions
	places   []*limits.Place
}

// enter lets one more session in, or wants it refused for a reason that has the words.
func (d *door) enter(from netip.Addr, refused string) *limits.Place {
	d.Helper()
	p, reason, ok := d.sessions.Enter(from)
	if ok != (refused == "") || ok != (reason == "") || !strings.Contains(reason, refused) {
		d.Errorf("%s: ok %v, reason %q, want %q", from, ok, reason, refused)
	}
	if ok {
		d.places = append(d.places, p)
	}
	return p
}

func (d *door) empty() {
	d.Helper()
	for _, p := range d.places {
		p.Leave()
		p.Leave() // changes nothing
	}
	if n := d.sessions.Sources(); n != 0 {
		d.Errorf("%d sources are counted", n)
	}
}

func TestSessions_InAllAndPerSource(t *testing.T) {
	d := &door{T: t, sessions: limits.NewSessions("imaps", 6, 2, standingOfShared)}
	first := d.enter(printer, "")
	d.enter(printer, "")
	d.enter(printer, "the source has 2 sessions on the listener imaps (limits.sessions_per_source: 2)")
	for range 4 {
		d.enter(gateway, "")
	}
	d.enter(stranger, "the listener imaps has 6 sessions (limits.sessions: 6)")
	first.Leave()
	first.Leave()
	first.Promote()
	d.enter(printer, "")
	d.enter(stranger, "limits.sessions: 6")
	d.empty()
	off := limits.NewSessions("imaps", 0, 0, nil)
	for range 100 {
		if _, _, ok := off.Enter(printer); !ok {
			t.Fatal("a limit that is off holds")
		}
	}
}

// Any device with enough accounts can make itself a shared source: others must have room beside it.
func TestSessions_SharedSourceHasAQuarterUnlessItIsAGateway(t *testing.T) {
	d := &door{T: t, sessions: limits.NewSessions("imaps", 10, 1, standingOfShared)}
	for range 3 {
		d.enter(crowd, "")
	}
	d.enter(crowd, "has 3 sessions on the listener imaps, a quarter of limits.sessions: 10")
	for range 7 {
		d.enter(gateway, "")
	}
	d.empty()
	off := &door{T: t, sessions: limits.NewSessions("imaps", 0, 1, standingOfShared)}
	for range 100 {
		off.enter(crowd, "")
	}
	off.empty()
}

// Silent connections of others in its /64 do not keep a verified device out, and sessions that log in leave the neighbours'
// count.
func TestSessions_VerifiedAddressCountsByItself(t *testing.T) {
	for _, network := range []string{"2001:db8::%x", "fe80::%x%%eth0"} {
		at := func(host int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf(network, host)) }
		known := verified{at(7): true}
		d := &door{T: t, sessions: limits.NewSessions("imaps", 0, 5, known.standing)}
		var silent []*limits.Place
		for i := range 5 {
			silent = append(silent, d.enter(at(0xbad0+i), ""))
		}
		d.enter(at(0xbad9), "the source has 5 sessions")
		for range 5 {
			d.enter(at(7), "")
		}
		d.enter(at(7), "the source has 5 sessions")

		silent[0].Promote() // by a token, which verifies no source
		d.enter(at(0xbad9), "the source has 5 sessions")
		known[at(0xbad1)] = true
		silent[1].Promote()
		d.enter(at(0xbad9), "")
		for range 4 {
			d.enter(at(0xbad1), "")
		}
		d.enter(at(0xbad1), "the source has 5 sessions")
		d.empty()
	}
}

func TestRoom_IsWhatOpenFilesBear(t *testing.T) {
	for files, want := range map[uint64]int{
		0: 1, 1: 1, 5: 1, 64: 10, 256: 42, 1024: 170, 2000: 410, 20_000: 6410, 524_288: 174_506, 1 << 62: 1<<31 - 1,
	} {
		if got := limits.SessionsWithin(files); got != want {
			t.Errorf("%d files bear %d sessions, want %d", files, got, want)
		}
		if got := limits.SessionsWithin(files); got > 1 && uint64(got)*3 > files {
			t.Errorf("%d files cannot bear %d sessions", files, got)
		}
	}
}

// All listeners share the room, and strangers have a quarter of it between them.
func TestRoom_BoundsAllListenersTogether(t *testing.T) {
	known := verified{printer: true}
	c := limits.NewCounts(known.standing)
	c.SetFiles(64) // 10 sessions, 3 of strangers
	imaps, pop3s := &door{T: t, sessions: c.Sessions("imaps")}, &door{T: t, sessions: c.Sessions("pop3s")}
	first := imaps.enter(sourceNumber(1), "")
	pop3s.enter(sourceNumber(2), "")
	pop3s.enter(sourceNumber(3), "")
	imaps.enter(sourceNumber(4), "the bridge has 3 sessions of sources without a verified login, a quarter of what its limit of 64 open files")
	for range 6 {
		pop3s.enter(printer, "")
	}
	first.Promote() // logged in: it is a stranger's no longer
	first.Promote()
	imaps.enter(sourceNumber(4), "")
	imaps.enter(printer, "the bridge has 10 sessions, all that its limit of 64 open files bears")
	pop3s.enter(sourceNumber(5), "the bridge has 10 sessions")
	imaps.empty()
	for range 2 {
		pop3s.enter(printer, "")
	}
	pop3s.empty()
	for range 3 { // nothing is left of those who came and went
		imaps.enter(sourceNumber(6), "")
	}
	imaps.enter(sourceNumber(7), "the bridge has 3 sessions of sources")
	c.SetFiles(0)
	imaps.enter(sourceNumber(7), "")
	imaps.empty()
}

func TestPlace_OfNobody(t *testing.T) {
	var p *limits.Place
	p.Promote()
	p.Leave()
}
