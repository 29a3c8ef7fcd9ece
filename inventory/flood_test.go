package inventory_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// tape is a Recorder that keeps what it was told, and the flood lines of the Flood before it.
type tape struct {
	mu              sync.Mutex
	admitted, ended []*inventory.Session
	turnedAway      []inventory.TurnedAway
	lines           []inventory.FloodLine
}

func (t *tape) Admitted(s *inventory.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.admitted = append(t.admitted, s)
}

func (t *tape) Ended(s *inventory.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, s)
}

func (t *tape) TurnedAway(a inventory.TurnedAway) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turnedAway = append(t.turnedAway, a)
}

func (t *tape) write(l inventory.FloodLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

// whole returns how many sessions were written whole since the last call.
func (t *tape) whole() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.ended)
	t.ended = nil
	return n
}

// summed returns the flood lines since the last call.
func (t *tape) summed() []inventory.FloodLine {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	t.lines = nil
	return lines
}

// flooded runs test with a running Flood in a bubble of its own time.
func flooded(t *testing.T, test func(t *testing.T, f *inventory.Flood, told *tape)) {
	synctest.Test(t, func(t *testing.T) {
		told := &tape{}
		f := inventory.NewFlood(told, told.write)
		f.Instance = inventory.Instance{Bridge: "bridge-1", Run: "4f2a"}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Run(ctx) })
		test(t, f, told)
		cancel()
		wg.Wait()
	})
}

// pass lets d go by and everything happen that is due then.
func pass(d time.Duration) {
	time.Sleep(d) // of the bubble's time
	synctest.Wait()
}

func stranger(ip, reason string) *inventory.Session {
	return &inventory.Session{Time: time.Now(), Listener: "imaps", Reason: reason,
		Source: inventory.Source{IP: netip.MustParseAddr(ip)}, Hello: printerHello()}
}

func end(f *inventory.Flood, n int, s *inventory.Session) {
	for range n {
		f.Ended(s)
	}
}

func TestFlood_SumsWhatAStrangerRepeats(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		first := time.Now()
		end(f, 50, stranger("10.0.0.1", "slow"))
		pass(10 * time.Second)
		last := time.Now()
		end(f, 50, stranger("::ffff:10.0.0.1", "slow"))
		if n := told.whole(); n != 21 {
			t.Errorf("%d sessions were written whole, want the first and 20 more", n)
		}
		pass(50 * time.Second)
		lines := told.summed()
		want := inventory.FloodLine{Time: time.Now(), Bridge: "bridge-1", Run: "4f2a",
			Source: netip.MustParsePrefix("10.0.0.1/32"), Listener: "imaps", Reason: "slow",
			Count: 79, Sessions: 79, First: first, Last: last}
		if len(lines) != 1 || lines[0] != want {
			t.Errorf("got  %+v\nwant %+v", lines, want)
		}
		pass(time.Minute)
		if lines := told.summed(); len(lines) != 0 {
			t.Errorf("a quiet minute has lines: %+v", lines)
		}
		end(f, 30, stranger("10.0.0.1", "slow"))
		if n := told.whole(); n != 20 {
			t.Errorf("%d sessions of the next minute were written whole, want 20", n)
		}
	})
}

func TestFlood_WritesWhatIsNew(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		end(f, 100, stranger("10.0.0.1", "slow"))
		told.whole()
		other := stranger("10.0.0.1", "slow")
		other.Hello = hello.None()
		unseen := stranger("10.0.0.1", "slow")
		unseen.Hello = nil
		for name, s := range map[string]*inventory.Session{
			"another reason": stranger("10.0.0.1", "slower"), "another hello": other, "no hello": unseen,
			"another source": stranger("10.0.0.2", "slow"), "IPv6": stranger("2001:db8::1", "slow"),
		} {
			f.Ended(s)
			if n := told.whole(); n != 1 {
				t.Errorf("%s: not written whole", name)
			}
		}
	})
}

func TestFlood_ForgetsAfterAnHour(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		newAfter := func(d time.Duration) bool {
			pass(d)
			told.whole()
			end(f, 25, stranger("10.0.0.1", "slow"))
			return told.whole() == 21
		}
		for _, tt := range []struct {
			after time.Duration
			isNew bool
		}{{0, true}, {59 * time.Minute, false}, {59 * time.Minute, false}, {time.Hour, true}, {3 * time.Hour, true}} {
			if got := newAfter(tt.after); got != tt.isNew {
				t.Errorf("new after %v: got %v, want %v", tt.after, got, tt.isNew)
			}
		}
	})
}

// verified is a session of a device that was admitted.
func verified(ip, account string) *inventory.Session {
	s := bridgedSession()
	s.Time, s.StartedAt, s.Account, s.Source = time.Now(), time.Now(), account, inventory.Source{IP: netip.MustParseAddr(ip)}
	return s
}

// TestFlood_SumsWhatAVerifiedDeviceRepeats has the sums count for the device, and nothing look as if a crash had cut it.
func TestFlood_SumsWhatAVerifiedDeviceRepeats(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		for range 20 {
			end(f, 50, verified("10.0.0.1", "scanner1"))
			pass(time.Second)
		}
		f.Ended(verified("10.0.0.1", "scanner2"))
		if n := told.whole(); n != 62 {
			t.Errorf("%d sessions were written whole, want the first, 60 more, and the other device's", n)
		}
		pass(time.Minute)
		lines := told.summed()
		if len(lines) != 1 || lines[0].Device != "10.0.0.1/scanner1" || lines[0].Sessions != 939 || lines[0].Admitted != 939 {
			t.Fatalf("got %+v, want one line of 939 admitted sessions of the device", lines)
		}
		fold := inventory.NewFold()
		fold.Line(&inventory.Line{Message: inventory.MessageAdmitted, Time: time.Now(), Run: lines[0].Run,
			Session: inventory.SessionLine{Device: lines[0].Device, StartedAt: lines[0].First, Count: 939}})
		fold.Line(&inventory.Line{Message: inventory.MessageFlood, Time: lines[0].Time, Run: lines[0].Run, Flood: lines[0]})
		for range fold.Opened() {
			t.Error("sessions that were summed count as open")
		}
		if devices := fold.Devices(nil); len(devices) != 1 || devices[0].Sessions != 939 || devices[0].LastServed == nil ||
			devices[0].BytesFrom != 939*bridgedSession().BytesFromDevice {
			t.Errorf("the inventory has %+v", devices)
		}
	})
}

// TestFlood_AdmissionsShareALine lets one device log in 100 times a second.
func TestFlood_AdmissionsShareALine(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		var devices sync.WaitGroup
		for range 1000 {
			devices.Go(func() {
				began := time.Now()
				f.Admitted(verified("10.0.0.1", "scanner1"))
				if took := time.Since(began); took > 250*time.Millisecond {
					t.Errorf("an admission took %v", took)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		devices.Wait()
		sum := 0
		for _, s := range told.admitted {
			sum += max(s.Together, 1)
		}
		if sum != 1000 || len(told.admitted) > 100 {
			t.Errorf("%d lines tell of %d admissions, want 1,000 in 100 lines at most", len(told.admitted), sum)
		}
	})
}

// TestFlood_TenMinutesAreTenMegabytes is what a flood of each kind costs journal, store and log together, in ten minutes of 20
// sessions a second.
func TestFlood_TenMinutesAreTenMegabytes(t *testing.T) {
	differing := func(account string) func(i int) *inventory.Session {
		base := largest(strings.Repeat("\x01", 200), account)
		base.Hello, base.Source = printerHello(), inventory.Source{IP: netip.MustParseAddr("10.0.0.1")}
		return func(i int) *inventory.Session {
			s := *base
			s.Reason = fmt.Sprint(i, base.Reason)
			return &s
		}
	}
	kinds := map[string]func(i int) *inventory.Session{
		"differing records of a stranger":        differing(""),
		"differing records of a verified device": differing("scanner1"),
		"verified sessions":                      func(int) *inventory.Session { return verified("10.0.0.1", "scanner1") },
	}
	for name, session := range kinds {
		t.Run(name, func(t *testing.T) {
			flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
				size := 0
				for second := range 600 {
					var devices sync.WaitGroup
					for i := range 20 {
						devices.Go(func() {
							s := session(20*second + i)
							s.Time, s.StartedAt = time.Now(), time.Now()
							if s.Account != "" {
								f.Admitted(s)
							}
							f.Ended(s)
						})
					}
					devices.Wait()
					pass(700 * time.Millisecond)
				}
				for _, s := range told.ended {
					size += 3 * len(line(t, zapcore.NewJSONEncoder, s))
				}
				for _, s := range told.admitted {
					size += len(line(t, zapcore.NewJSONEncoder, &inventory.AdmittedLine{Session: s}))
				}
				for _, l := range told.summed() {
					size += 2 * len(line(t, zapcore.NewJSONEncoder, &l))
				}
				if size > 10e6 {
					t.Errorf("it costs %d bytes", size)
				}
			})
		})
	}
}

func TestFlood_SumsWhoIsTurnedAway(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		away := inventory.TurnedAway{Time: time.Now(), Source: netip.MustParseAddr("fe80::1%eth0"),
			Listener: "imaps", Reason: "not in allow"}
		f.TurnedAway(away)
		f.TurnedAway(away)
		end(f, 22, stranger("fe80::1", "not in allow"))
		pass(time.Minute)
		lines := told.summed()
		if len(lines) != 1 || lines[0].Count != 3 || lines[0].Sessions != 1 {
			t.Errorf("got %+v, want one line of 3 connections, 1 of them a session", lines)
		}
		if len(told.turnedAway) != 0 {
			t.Error("a connection that was summed was handed on too")
		}
	})
}

func TestFlood_LosesNothingAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &tape{}
		f := inventory.NewFlood(told, told.write)
		end(f, 100, stranger("10.0.0.1", "slow"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.Run(ctx)
		end(f, 100, stranger("10.0.0.1", "slow"))
		f.TurnedAway(inventory.TurnedAway{Source: netip.MustParseAddr("10.0.0.1"), Reason: "draining"})
		sum := told.whole()
		for _, l := range told.summed() {
			sum += l.Count
		}
		if sum != 201 {
			t.Errorf("%d connections were told of, want 201", sum)
		}
	})
}

func TestFlood_BoundsTheLinesOfASource(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		for i := range 100 {
			f.TurnedAway(inventory.TurnedAway{Source: netip.MustParseAddr("10.0.0.1"), Reason: fmt.Sprint(i)})
		}
		f.TurnedAway(inventory.TurnedAway{Reason: "nobody"})
		pass(time.Minute)
		lines := told.summed()
		if len(lines) != 10 {
			t.Fatalf("%d lines, want 8, one for the other reasons and one for no source", len(lines))
		}
		if rest := lines[8]; rest.Count != 92 || rest.Reason != "" || !rest.Source.IsValid() {
			t.Errorf("the other reasons: got %+v", rest)
		}
		if rest := lines[9]; rest.Count != 1 || rest.Reason != "" || rest.Source.IsValid() {
			t.Errorf("no source: got %+v", rest)
		}
	})
}

func TestFlood_BoundsWhatIsNewOfASource(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		show := func() int {
			for i := range 1000 {
				f.Ended(stranger("10.0.0.1", fmt.Sprint(i)))
			}
			return told.whole()
		}
		first := show()
		if first > 128 || first < 100 {
			t.Errorf("%d sessions were written whole, want 64 KiB of them", first)
		}
		pass(2 * time.Hour)
		if n := show(); n != first {
			t.Errorf("two hours later %d sessions were written whole, want %d", n, first)
		}
	})
}

func TestFlood_TakesANetworkOfManyAddressesForOneSource(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		for i := range 2000 {
			f.Ended(stranger(fmt.Sprintf("2001:db8::%x", i), "slow"))
		}
		if n := told.whole(); n != 256+1+20 {
			t.Errorf("%d sessions were written whole, want 256 addresses and 21 of their /64", n)
		}
		f.Ended(stranger("2001:db8:0:1::1", "slow"))
		if n := told.whole(); n != 1 {
			t.Error("the neighbouring /64 pays for it")
		}
		pass(time.Minute)
		lines := told.summed()
		if len(lines) != 1 || lines[0].Source != netip.MustParsePrefix("2001:db8::/64") || lines[0].Count != 1723 {
			t.Errorf("got %+v", lines)
		}
	})
}

// TestFlood_ANetworkHasFewRowsADay lets one /64 come with a new address every 10 s for a day.
func TestFlood_ANetworkHasFewRowsADay(t *testing.T) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		devices := make(map[string]bool)
		for i := range 24 * 360 {
			f.Ended(stranger(fmt.Sprintf("2001:db8::%x", i), "slow"))
			pass(10 * time.Second)
			for _, s := range told.ended {
				devices[s.Device()] = true
			}
			told.whole()
		}
		if len(devices) != 257 || !devices["2001:db8::/64/-"] {
			t.Errorf("%d devices, want 256 and their network", len(devices))
		}
		s := verified("2001:db8::ffff", "scanner1")
		f.Ended(s)
		if told.ended[0].Device() != "2001:db8::ffff/scanner1" {
			t.Errorf("a verified device there is %s", told.ended[0].Device())
		}
	})
}

func TestFlood_SumsUpAMillionSources(t *testing.T) {
	millionSources(t, func(int, bool) {})
}

// millionSources lets a million sources come, each with a session and a connection that was turned away. look is called now and then
// with how many have come, and at the end, when all have been gone for two hours.
func millionSources(t *testing.T, look func(sources int, gone bool)) {
	flooded(t, func(t *testing.T, f *inventory.Flood, told *tape) {
		look(0, false)
		ip := netip.MustParseAddr("10.0.0.0")
		s := &inventory.Session{Listener: "imaps", Reason: "slow"}
		for i := range 1_000_000 {
			ip = ip.Next()
			s.Source.IP = ip
			f.Ended(s)
			f.TurnedAway(inventory.TurnedAway{Source: ip, Listener: "imaps", Reason: "limit"})
			if i%1000 == 0 {
				told.whole()
			}
			if i%250_000 == 249_999 {
				told.whole()
				look(i+1, false)
			}
		}
		told.whole()
		pass(time.Minute)
		lines := told.summed()
		if len(lines) != 1001 || lines[1000].Source.IsValid() || lines[1000].Count != 999_000 {
			t.Errorf("%d lines, the last one %+v; want 1,001 and the rest in the last", len(lines), lines[len(lines)-1])
		}
		pass(2 * time.Hour)
		look(1_000_000, true)
		runtime.KeepAlive(f)
	})
}

func TestFlood_IsSafeForConcurrentUse(t *testing.T) {
	told := &tape{}
	f := inventory.NewFlood(told, told.write)
	ctx, cancel := context.WithCancel(t.Context())
	var running, told16 sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	for i := range 16 {
		told16.Go(func() {
			s := stranger(fmt.Sprintf("10.0.0.%d", i%4), "slow")
			for range 250 {
				f.Ended(s)
				f.TurnedAway(inventory.TurnedAway{Source: s.Source.IP, Listener: "imaps", Reason: "limit"})
			}
			if i == 8 {
				cancel()
			}
		})
	}
	told16.Wait()
	cancel()
	running.Wait()
	sum := told.whole()
	for _, l := range told.summed() {
		sum += l.Count
	}
	if sum != 8000 {
		t.Errorf("%d connections were told of, want 8,000", sum)
	}
}

func BenchmarkFlood_Ended(b *testing.B) {
	f := inventory.NewFlood(&tape{}, func(inventory.FloodLine) {})
	s := stranger("10.0.0.1", "slow")
	b.ReportAllocs()
	for b.Loop() {
		f.Ended(s)
	}
}
