package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// duplex is a connection in memory whose directions end apart from one another, and which obeys deadlines.
type duplex struct{ in, out net.Conn }

func newDuplex() (a, b *duplex) {
	ar, bw := net.Pipe()
	br, aw := net.Pipe()
	return &duplex{ar, aw}, &duplex{br, bw}
}

func (d *duplex) Read(p []byte) (int, error)         { return d.in.Read(p) }
func (d *duplex) Write(p []byte) (int, error)        { return d.out.Write(p) }
func (d *duplex) CloseWrite() error                  { return d.out.Close() }
func (d *duplex) LocalAddr() net.Addr                { return d.in.LocalAddr() }
func (d *duplex) RemoteAddr() net.Addr               { return d.in.RemoteAddr() }
func (d *duplex) SetReadDeadline(t time.Time) error  { return d.in.SetReadDeadline(t) }
func (d *duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }
func (d *duplex) Close() error                       { return errors.Join(d.in.Close(), d.out.Close()) }
func (d *duplex) SetDeadline(t time.Time) error {
	return errors.Join(d.in.SetDeadline(t), d.out.SetDeadline(t))
}

// ferry is a relay in memory between a device and an upstream that the test plays.
type ferry struct {
	t                *testing.T
	device, upstream *duplex
	ours             [2]*duplex
	relay            *relay
	began            time.Time
	done             chan time.Duration // how long it ran
	cut              context.CancelFunc
}

func newFerry(t *testing.T, idle time.Duration) *ferry {
	f := &ferry{t: t, done: make(chan time.Duration, 1)}
	f.device, f.ours[0] = newDuplex()
	f.upstream, f.ours[1] = newDuplex()
	f.relay = &relay{device: login.NewConn(f.ours[0], login.ConnOptions{Secure: true}), upstream: login.NewConn(f.ours[1],
		login.ConnOptions{Secure: true}), idle: idle}
	return f
}

func (f *ferry) sail() {
	ctx, cut := context.WithCancel(context.Background())
	f.cut, f.began = cut, time.Now()
	go func() {
		stop := context.AfterFunc(ctx, f.relay.cut)
		defer stop()
		f.relay.run()
		f.done <- time.Since(f.began)
	}()
}

// land waits for the end of the relay and checks when and by whom.
func (f *ferry) land(after time.Duration, by inventory.EndedBy, idled bool) {
	f.t.Helper()
	if took := <-f.done; took != after {
		f.t.Errorf("it ended after %s, want %s", took, after)
	}
	if got := f.relay.endedBy(); got != by || f.relay.idled.Load() != idled {
		f.t.Errorf("ended by %s, idled %t, want %s, %t", got, f.relay.idled.Load(), by, idled)
	}
	f.cut()
	for _, c := range []net.Conn{f.device, f.upstream, f.ours[0], f.ours[1]} {
		_ = c.Close()
	}
}

func say(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Errorf("say %.20q: %v", text, err)
	}
}

func hear(t testing.TB, c io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Errorf("heard %.40q, %v, want %.40q", got, err, want)
	}
}

func hearEnd(t *testing.T, c io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("heard %.40q, %v, want the end", rest, err)
	}
}

func TestRelay_BytesPassUntouchedWithWhatWasBufferedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, time.Minute)
		go say(t, f.device, "PASS x\r\nSTAT\r\nRETR 1\r\n")
		go say(t, f.upstream, "+OK in\r\n* untagged \x00\xff\n")
		for _, k := range []*login.Conn{f.relay.device, f.relay.upstream} {
			if _, err := k.ReadLine(login.MaxLine); err != nil {
				t.Fatal(err)
			}
		}
		f.sail()
		hear(t, f.upstream, "STAT\r\nRETR 1\r\n")
		hear(t, f.device, "* untagged \x00\xff\n")
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for _, n := range []int{1, silentBuffer - 1, silentBuffer, silentBuffer + 1, relayBuffer, 3*relayBuffer + 7, 2} {
			text := strings.Repeat(string(every), n/256+1)[:n]
			go say(t, f.device, text)
			hear(t, f.upstream, text)
			go say(t, f.upstream, text)
			hear(t, f.device, text)
		}
		_ = f.device.CloseWrite()
		hearEnd(t, f.upstream)
		_ = f.upstream.CloseWrite()
		hearEnd(t, f.device)
		f.land(0, inventory.EndedByDevice, false)
		in, out := f.relay.device.Bytes()
		if uin, uout := f.relay.upstream.Bytes(); in != uout+8 || out != uin-8 || in < 3*relayBuffer {
			t.Errorf("device: %d in, %d out; upstream: %d in, %d out", in, out, uin, uout)
		}
	})
}

func TestRelay_HalfCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, time.Minute)
		f.sail()
		_ = f.device.CloseWrite() // the upstream still sends, and slowly
		hearEnd(t, f.upstream)
		for range 5 {
			time.Sleep(halfOpen - time.Second)
			go say(t, f.upstream, "more")
			hear(t, f.device, "more")
		}
		_ = f.upstream.CloseWrite()
		hearEnd(t, f.device)
		f.land(5*(halfOpen-time.Second), inventory.EndedByDevice, false)

		f = newFerry(t, time.Minute)
		f.sail()
		_ = f.upstream.CloseWrite() // the device says goodbye to nobody
		hearEnd(t, f.device)
		time.Sleep(parting / 2)
		go say(t, f.device, "QUIT\r\n")
		hear(t, f.upstream, "QUIT\r\n")
		_ = f.device.CloseWrite()
		hearEnd(t, f.upstream)
		f.land(parting/2, inventory.EndedByUpstream, false)
	})
}

// slowToEnd is a connection whose end takes a moment to be sent.
type slowToEnd struct{ *duplex }

func (s slowToEnd) CloseWrite() error {
	err := s.duplex.CloseWrite()
	time.Sleep(time.Millisecond)
	return err
}

func TestRelay_WhoseEndCameFirstIsNotedBeforeTheOtherSideHearsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, time.Minute)
		f.relay.device = login.NewConn(slowToEnd{f.ours[0]}, login.ConnOptions{Secure: true})
		f.sail()
		_ = f.upstream.CloseWrite()
		hearEnd(t, f.device)
		_ = f.device.CloseWrite() // a device that closes at once
		hearEnd(t, f.upstream)
		f.land(time.Millisecond, inventory.EndedByUpstream, false)
	})
}

func TestRelay_SideThatNeverClosesDoesNotHoldTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, idle := range []time.Duration{time.Minute, time.Hour, 0} {
			f := newFerry(t, idle)
			f.sail()
			_ = f.device.CloseWrite()
			f.land(halfOpen, inventory.EndedByDevice, false)

			f = newFerry(t, idle)
			f.sail()
			_ = f.upstream.CloseWrite()
			f.land(parting, inventory.EndedByUpstream, false)
		}
	})
}

func TestRelay_IdleTimeCutsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, 31*time.Minute)
		f.sail()
		f.land(31*time.Minute, inventory.EndedByBridge, true)

		f = newFerry(t, time.Minute)
		f.sail()
		for i := range 10 { // one side's words, whichever, keep the session
			time.Sleep(59 * time.Second)
			from, to := f.upstream, f.device
			if i > 5 {
				from, to = to, from
			}
			go say(t, from, "x")
			hear(t, to, "x")
		}
		f.land(10*59*time.Second+time.Minute, inventory.EndedByBridge, true)
	})
}

func TestRelay_WithoutIdleTimeRunsForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, 0)
		f.sail()
		time.Sleep(30 * 24 * time.Hour)
		go say(t, f.upstream, "x")
		hear(t, f.device, "x")
		f.cut()
		f.land(30*24*time.Hour, inventory.EndedByBridge, false)
	})
}

func TestRelay_CutEndsWhateverIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, before := range map[string]func(f *ferry){
			"silence":          func(*ferry) {},
			"a device held up": func(f *ferry) { go func() { _, _ = f.upstream.Write(make([]byte, 1<<20)) }() },
			"an upstream too":  func(f *ferry) { go func() { _, _ = f.device.Write(make([]byte, 1<<20)) }() },
		} {
			f := newFerry(t, time.Hour)
			f.sail()
			before(f)
			time.Sleep(time.Second)
			f.cut()
			synctest.Wait()
			if len(f.done) == 0 {
				t.Errorf("%s: the relay goes on after it was cut", name)
			}
			f.land(time.Second, inventory.EndedByBridge, false)
		}
	})
}

func TestRelay_BlockedWriterIsReleasedByTheIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, time.Minute)
		f.sail()
		go func() { _, _ = f.upstream.Write(make([]byte, 1<<20)) }() // and the device reads nothing
		f.land(time.Minute, inventory.EndedByBridge, true)
	})
}

func TestRelay_DeviceThatIsGoneEndsTheUpstreamsSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFerry(t, time.Hour)
		f.sail()
		_ = f.device.Close()
		hearEnd(t, f.upstream)
		_, _ = f.upstream.Write([]byte("nobody hears it"))
		_ = f.upstream.Close()
		f.land(0, inventory.EndedByDevice, false)
	})
}

// watcher is an Observer that keeps all that it is shown.
type watcher struct {
	device, upstream []byte
	ended            []bool
}

func (w *watcher) FromDevice(p []byte)   { w.device = append(w.device, p...) }
func (w *watcher) FromUpstream(p []byte) { w.upstream = append(w.upstream, p...) }
func (w *watcher) Last(upstreamEnded bool) string {
	w.ended = append(w.ended, upstreamEnded)
	return "last"
}

func TestRelay_ObserverIsShownAllWithWhatWasBufferedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, by := range []inventory.EndedBy{inventory.EndedByDevice, inventory.EndedByUpstream} {
			f := newFerry(t, time.Minute)
			w := &watcher{}
			f.relay.observer = w
			go say(t, f.device, "login\nID one ")
			if _, err := f.relay.device.ReadLine(login.MaxLine); err != nil {
				t.Fatal(err)
			}
			f.sail()
			hear(t, f.upstream, "ID one ")
			for _, text := range []string{"two\r\n", strings.Repeat("x", 3*relayBuffer), "LOGOUT\r\n"} {
				go say(t, f.device, text)
				hear(t, f.upstream, text)
			}
			say(t, f.upstream, "* BYE\r\n")
			hear(t, f.device, "* BYE\r\n")
			first, second := f.device, f.upstream
			if by == inventory.EndedByUpstream {
				first, second = second, first
			}
			_ = first.CloseWrite()
			hearEnd(t, second)
			_ = second.CloseWrite()
			f.land(0, by, false)
			if string(w.device) != "ID one two\r\n"+strings.Repeat("x", 3*relayBuffer)+"LOGOUT\r\n" || string(w.upstream) != "* BYE\r\n" {
				t.Errorf("it was shown %d bytes and %q", len(w.device), w.upstream)
			}
			if len(w.ended) != 1 || w.ended[0] != (by == inventory.EndedByUpstream) || f.relay.said != "last" {
				t.Errorf("ended by %s: it was told %v, and the relay %q", by, w.ended, f.relay.said)
			}
		}
	})
}
