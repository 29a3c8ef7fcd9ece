package sandbox

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// door is a port with an HTTP server behind it that can be closed and opened again at the same address.
type door struct {
	handler http.Handler
	tls     *tls.Config            // nil: without TLS
	address atomic.Pointer[string] // as first opened; handlers read it while shut waits for them

	mu     sync.Mutex
	server *http.Server   // nil while closed
	serves sync.WaitGroup // the accept loop
	conns  sync.WaitGroup // every connection
	final  bool
}

func newDoor(address string, handler http.Handler, secure *tls.Config) *door {
	d := &door{handler: handler, tls: secure}
	d.address.Store(&address)
	return d
}

func (d *door) where() string { return *d.address.Load() }

func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.final {
		return net.ErrClosed
	}
	if d.server != nil {
		return nil
	}
	socket, err := net.Listen("tcp", d.where())
	if err != nil {
		return fmt.Errorf("open the stand-in's port: %w", err)
	}
	address := socket.Addr().String()
	d.address.Store(&address)
	if d.tls != nil {
		socket = tls.NewListener(socket, d.tls)
	}
	server := &http.Server{
		Handler:     d.handler,
		ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10,
		ConnState:      d.count,
		ErrorLog:       discardLog(),
	}
	d.server = server
	d.serves.Go(func() { server.Serve(socket) })
	return nil
}

// count keeps count of connections; net/http tells of a new one in the accept loop, and of its end when its goroutine ends.
func (d *door) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.conns.Add(1)
	case http.StateClosed:
		d.conns.Done()
	}
}

// shut closes the port and cuts its connections, which ends the requests that wait, and returns when all have ended.
func (d *door) shut(final bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.final = d.final || final
	if d.server == nil {
		return nil
	}
	err := d.server.Close()
	d.serves.Wait()
	d.conns.Wait()
	d.server = nil
	return err
}
