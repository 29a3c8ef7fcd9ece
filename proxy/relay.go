package proxy

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

const (
	// relayBuffer is two full records: what a direction in a burst holds.
	relayBuffer = 32 << 10
	// silentBuffer is what a silent direction holds. The first bytes of a burst come through it.
	silentBuffer = 512
	// halfOpen is how long the upstream may stay silent after the device has ended: enough for the rest of a message,
	// too short for a side that never closes to hold the session.
	halfOpen = 30 * time.Second
	// parting is how long the device may take to close after the upstream has ended. Nobody hears it any more.
	parting = 2 * time.Second
	// forever stands for an idle time-out that is switched off.
	forever = 100 * 365 * 24 * time.Hour
)

var relayBuffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// relay carries bytes between a device and an upstream until both have ended, and changes none.
type relay struct {
	device, upstream *login.Conn
	idle             time.Duration  // 0: no limit
	observer         login.Observer // nil: nobody looks

	activity atomic.Int64 // when a byte last passed, in ns since begun
	begun    time.Time
	first    atomic.Pointer[ending]
	rest     atomic.Int64 // once one side has ended: how long the other may be silent, in ns
	idled    atomic.Bool
	fault    any // what fromUpstream panicked with
	watchdog *time.Timer
	said     string // the line with which the upstream ended the session, once run has returned
}

// ending is what ended the relay first.
type ending struct {
	by   inventory.EndedBy
	leg  inventory.EndedBy // whose connection it was: the device's or the upstream's; empty for a cut
	err  error
	read bool // the leg was read from, not written to
}

// broken reports whether TLS broke: then the bridge has ended the session, with an alert to that leg.
func (e ending) broken() bool { _, broken := devicetls.BrokenBy(e.err); return broken }

// vanished reports whether nothing comes from the leg any more and nothing can be delivered to it: not so after a failed write,
// since what was received before may still be read.
func (e ending) vanished() bool {
	var refused syscall.Errno
	return e.broken() || e.read && errors.As(e.err, &refused)
}

// run relays until both directions have ended or cut is called; one of them on the calling goroutine, the other on one
// more.
func (r *relay) run() {
	r.begun = time.Now()
	r.watchdog = time.AfterFunc(forever, r.checkIdle)
	r.watchdog.Reset(cmp.Or(r.idle, forever))
	defer r.watchdog.Stop()
	done := make(chan struct{})
	go r.fromUpstream(done)
	r.fromDevice()
	<-done
	if r.fault != nil {
		panic(r.fault) // on the session's goroutine, which recovers and records
	}
	if r.observer != nil {
		r.said = r.observer.Last(r.endedBy() == inventory.EndedByUpstream)
	}
}

func (r *relay) fromUpstream(done chan<- struct{}) {
	defer close(done)
	defer func() {
		if r.fault = recover(); r.fault != nil {
			r.cut()
		}
	}()
	defer r.device.CloseWrite()
	var show func([]byte)
	if r.observer != nil {
		show = r.observer.FromUpstream
	}
	err, read := r.pump(r.device, r.upstream, show)
	r.end(ending{leg: whose(read, inventory.EndedByUpstream, inventory.EndedByDevice), err: err, read: read})
}

func (r *relay) fromDevice() {
	defer r.upstream.CloseWrite()
	var show func([]byte)
	if r.observer != nil {
		show = r.observer.FromDevice
	}
	err, read := r.pump(r.upstream, r.device, show)
	r.end(ending{leg: whose(read, inventory.EndedByDevice, inventory.EndedByUpstream), err: err, read: read})
}

// whose is the leg that ended: the one that was read from, or the other.
func whose(read bool, src, dst inventory.EndedBy) inventory.EndedBy {
	if read {
		return src
	}
	return dst
}

// end notes what ended first, and gives the other side a while to finish where there is something to finish.
func (r *relay) end(e ending) {
	if e.by = e.leg; login.IsTimeout(e.err) || e.broken() { // only a cut makes a deadline pass
		e.by = inventory.EndedByBridge
	}
	if !r.first.CompareAndSwap(nil, &e) {
		return
	}
	if e.vanished() {
		r.cut()
		return
	}
	rest := parting
	if e.leg == inventory.EndedByDevice && e.read {
		rest = halfOpen
	}
	if r.idle > 0 {
		rest = min(rest, r.idle)
	}
	r.activity.Store(int64(time.Since(r.begun)))
	r.rest.Store(int64(rest))
	r.watchdog.Reset(rest)
}

// ending is what ended the relay first.
func (r *relay) ending() ending {
	if e := r.first.Load(); e != nil {
		return *e
	}
	return ending{by: inventory.EndedByBridge}
}

// endedBy is whose end of stream came first.
func (r *relay) endedBy() inventory.EndedBy { return r.ending().by }

// cut ends both directions at once.
func (r *relay) cut() {
	r.first.CompareAndSwap(nil, &ending{by: inventory.EndedByBridge})
	expire(r.device)
	expire(r.upstream)
}

// checkIdle cuts a session in which neither side has said a thing for too long, and otherwise looks again when that
// could be so.
func (r *relay) checkIdle() {
	limit := cmp.Or(r.idle, forever)
	if rest := time.Duration(r.rest.Load()); rest > 0 {
		limit = rest
	}
	silent := time.Since(r.begun) - time.Duration(r.activity.Load())
	if silent < limit {
		r.watchdog.Reset(limit - silent)
		return
	}
	if r.first.Load() == nil {
		r.idled.Store(true)
	}
	r.cut()
}

// pump copies from src to dst until src ends or dst fails, and shows a copy first where somebody looks. What src has buffered
// goes first. The error is the end that was met first, io.EOF where src has closed; read says that it was src's.
func (r *relay) pump(dst, src *login.Conn, show func([]byte)) (end error, read bool) {
	pass := func(p []byte) error {
		r.activity.Store(int64(time.Since(r.begun)))
		if show != nil {
			show(p)
		}
		return dst.Send(p)
	}
	if err := src.Release(pass); err != nil {
		return err, false
	}
	var buf buffer
	defer buf.free()
	for {
		p := buf.bytes()
		n, err := src.ReadRaw(p)
		if n > 0 {
			if err := pass(p[:n]); err != nil {
				return err, false
			}
		}
		if err != nil {
			return err, true
		}
		buf.adapt(n)
	}
}

// buffer is what a direction of the relay reads into: small while it is silent, large in a burst.
type buffer struct {
	small [silentBuffer]byte
	large *[relayBuffer]byte
}

func (b *buffer) bytes() []byte {
	if b.large != nil {
		return b.large[:]
	}
	return b.small[:]
}

// adapt takes a large buffer when a read filled the small one, and gives it back when a read would fit the small one.
func (b *buffer) adapt(n int) {
	switch {
	case b.large == nil && n == len(b.small):
		b.large = relayBuffers.Get().(*[relayBuffer]byte)
	case b.large != nil && n < len(b.small):
		b.free()
	}
}

func (b *buffer) free() {
	if b.large != nil {
		relayBuffers.Put(b.large)
		b.large = nil
	}
}
