package proxy

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"drawbridge/inventory"
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
	first    atomic.Pointer[inventory.EndedBy] // whose end came first
	rest     atomic.Int64                      // once one side has ended: how long the other may be silent, in ns
	idled    atomic.Bool
	fault    any // what fromUpstream panicked with
	watchdog *time.Timer
	last     [2]tail // of the device, of the upstream
	said     string  // the line with which the upstream ended the session, once run has returned
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
		r.said = r.observer.Last(r.last[0].bytes(), r.last[1].bytes())
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
	err := r.pump(r.device, r.upstream, &r.last[1], nil)
	r.end(inventory.EndedByUpstream, parting, err)
}

func (r *relay) fromDevice() {
	defer r.upstream.CloseWrite()
	err := r.pump(r.upstream, r.device, &r.last[0], firstBytes(r.observer))
	r.end(inventory.EndedByDevice, halfOpen, err)
}

// end notes whose end came first, and gives the other side a while to finish. Only a cut makes a deadline pass.
func (r *relay) end(by inventory.EndedBy, rest time.Duration, err error) {
	if login.IsTimeout(err) {
		by = inventory.EndedByBridge
	}
	if !r.first.CompareAndSwap(nil, &by) {
		return
	}
	if r.idle > 0 {
		rest = min(rest, r.idle)
	}
	r.activity.Store(int64(time.Since(r.begun)))
	r.rest.Store(int64(rest))
	r.watchdog.Reset(rest)
}

// endedBy is whose end of stream came first.
func (r *relay) endedBy() inventory.EndedBy {
	if p := r.first.Load(); p != nil {
		return *p
	}
	return inventory.EndedByBridge
}

// cut ends both directions at once.
func (r *relay) cut() {
	bridge := inventory.EndedByBridge
	r.first.CompareAndSwap(nil, &bridge)
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

// firstBytes shows an observer the first MaxFirst bytes at most; nil where there is none.
func firstBytes(o login.Observer) func([]byte) bool {
	if o == nil {
		return nil
	}
	left := login.MaxFirst
	return func(p []byte) bool {
		p = p[:min(len(p), left)]
		left -= len(p)
		return o.First(p) && left > 0
	}
}

// pump copies from src to dst until src ends or dst fails. What src has buffered goes first.
// The error is the end that was met first, io.EOF where src has closed.
func (r *relay) pump(dst, src *login.Conn, last *tail, first func([]byte) bool) error {
	pass := func(p []byte) error {
		r.activity.Store(int64(time.Since(r.begun)))
		last.note(p)
		if first != nil && !first(p) {
			first = nil
		}
		return dst.Send(p)
	}
	if err := src.Release(pass); err != nil {
		return err
	}
	var buf buffer
	defer buf.free()
	for {
		p := buf.bytes()
		n, err := src.ReadRaw(p)
		if n > 0 {
			if err := pass(p[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
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

// tail keeps the last bytes of a stream.
type tail struct {
	buf [login.MaxLast]byte
	n   int
}

func (t *tail) note(p []byte) {
	if len(p) >= len(t.buf) {
		t.n = copy(t.buf[:], p[len(p)-len(t.buf):])
		return
	}
	if over := t.n + len(p) - len(t.buf); over > 0 {
		t.n = copy(t.buf[:], t.buf[over:t.n])
	}
	t.n += copy(t.buf[t.n:], p)
}

func (t *tail) bytes() []byte { return t.buf[:t.n] }
