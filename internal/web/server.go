package web

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/crowd"
	"drawbridge/internal/source"
	"drawbridge/inventory"
)

// AdminBounds and ControlBounds are those of the two sockets that are not for devices. What they allow together is kept free of
// the files that a process may open (limits.SessionsWithin).
func AdminBounds() crowd.Bounds   { return crowd.Bounds{All: 256, Each: 32} }
func ControlBounds() crowd.Bounds { return crowd.Bounds{All: 64} }

// How long a connection may take for a request or an answer, and to think of the next one. Handlers whose answers take longer
// say so themselves.
const (
	requestTime = 10 * time.Second
	thinkTime   = time.Minute
)

// Server answers on a socket that is for people and programs, not for devices. What it is asked costs a bounded number of
// connections, and a line of the log a minute where they break.
type Server struct {
	Socket  net.Listener
	Bounds  crowd.Bounds
	TLS     *tls.Config // nil: none
	Handler http.Handler
	Name    string // of the socket, in the log
	Log     *zap.Logger
}

// Serve answers until ctx ends, and closes the socket and every connection.
func (s Server) Serve(ctx context.Context) {
	lines := &errorLines{log: s.Log, name: s.Name}
	defer lines.end()
	var l net.Listener = crowd.New(s.Socket, s.Bounds)
	if s.TLS != nil {
		l = tls.NewListener(l, s.TLS)
	}
	h := &http.Server{Handler: crowd.Attended(s.Handler), ConnContext: crowd.WithGuest, ReadTimeout: requestTime, WriteTimeout: requestTime,
		IdleTimeout: thinkTime, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(lines, "", 0)}
	stop := context.AfterFunc(ctx, func() { _ = h.Close() })
	defer stop()
	_ = h.Serve(l)
	_ = h.Close() // returns when every connection is closed
}

// errorLines is what a http.Server says of connections that break: the first line at once, and then one a minute with how many
// there were. Whoever reaches the socket can break as many as they like.
type errorLines struct {
	log  *zap.Logger
	name string

	mu    sync.Mutex
	timer *time.Timer // while a minute goes on that had a line
	held  int
	last  string
	over  bool
}

// errorsEvery is how often a line is written, and maxErrorLine how long it is at most, in bytes.
const (
	errorsEvery  = time.Minute
	maxErrorLine = 512
)

// Write implements io.Writer. It takes one line.
func (e *errorLines) Write(line []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held++
	e.last = inventory.Printable(strings.TrimSpace(string(line[:min(len(line), maxErrorLine)])))
	if e.timer == nil {
		e.tell()
	}
	return len(line), nil
}

// tell writes what was held, and begins a minute. e.mu is held.
func (e *errorLines) tell() {
	e.log.Warn("connections to the "+e.name+" broke", zap.Int("count", e.held), zap.String("last", e.last))
	e.held = 0
	if !e.over {
		e.timer = time.AfterFunc(errorsEvery, e.pass)
	}
}

// pass ends a minute.
func (e *errorLines) pass() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer = nil; e.held > 0 {
		e.tell()
	}
}

// end writes what is held.
func (e *errorLines) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.timer != nil {
		e.timer.Stop()
	}
	if e.held > 0 {
		e.tell()
	}
}

// sourceOf returns where a request came from, whatever the interface.
func sourceOf(r *http.Request) source.Key { return crowd.KeyOf(r.RemoteAddr) }
