package sandbox

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// appendLimit is the largest message that IMAP takes; Exchange Online's own is smaller.
const appendLimit = 1 << 30

// memoryServer is go-imap's server, which gets connections that are logged in already.
type memoryServer struct {
	server *imapserver.Server
	queue  *handoverQueue
	served chan struct{} // closed when Serve has returned
}

func newMemoryServer() *memoryServer {
	m := &memoryServer{
		queue:  &handoverQueue{conns: make(chan net.Conn), begun: make(chan struct{}), closed: make(chan struct{})},
		served: make(chan struct{}),
	}
	m.server = imapserver.New(&imapserver.Options{
		NewSession: newMemorySession,
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapMove: {},
			imap.CapLiteralPlus: {}, imap.CapChildren: {},
		},
		InsecureAuth: true,
		Logger:       discardLog(), // what matters of its remarks is in the log of the stand-in
	})
	go func() {
		defer close(m.served)
		m.server.Serve(m.queue)
	}()
	return m
}

// serve lives a session of a mailbox on a connection and returns when the server has let go of it.
func (m *memoryServer) serve(mailbox *Mailbox, connection net.Conn) {
	h := &handover{Conn: connection, mailbox: mailbox, done: make(chan struct{})}
	select {
	case m.queue.conns <- h:
		<-h.done
	case <-m.queue.closed:
		connection.Close()
	}
}

// close ends the server; its connections must have been closed. go-imap's server must not be closed before it has
// begun to serve: both touch its wait group.
func (m *memoryServer) close() error {
	<-m.queue.begun
	err := m.server.Close()
	<-m.served
	if err != nil {
		return fmt.Errorf("close the memory server: %w", err)
	}
	return nil
}

// handover is a connection that the memory server has for a while; closing it, the server's last act, gives it back.
type handover struct {
	net.Conn
	mailbox *Mailbox
	done    chan struct{}
	once    sync.Once
	broken  atomic.Bool
}

// Write never fails: go-imap's memory server keeps a lock for ever when the write of a literal does. A
// connection that cannot be written to is closed, so that the server learns of it when it reads.
func (h *handover) Write(p []byte) (int, error) {
	if h.broken.Load() {
		return len(p), nil
	}
	if _, err := h.Conn.Write(p); err != nil {
		h.broken.Store(true)
		h.Conn.Close()
	}
	return len(p), nil
}

// Close closes the connection and tells that the server is through with it.
func (h *handover) Close() error {
	err := h.Conn.Close()
	h.once.Do(func() { close(h.done) })
	return err
}

// handoverQueue is a listener without a port.
type handoverQueue struct {
	conns  chan net.Conn
	begun  chan struct{} // closed when the server first accepts
	closed chan struct{}
	first  sync.Once
	once   sync.Once
}

// Accept waits for the next connection that is handed over.
func (q *handoverQueue) Accept() (net.Conn, error) {
	q.first.Do(func() { close(q.begun) })
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (q *handoverQueue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr returns an address that says what this is.
func (q *handoverQueue) Addr() net.Addr { return &net.UnixAddr{Name: "handover", Net: "memory"} }

// memorySession is go-imap's session with room for large messages and an IDLE of its own: the library's misses what
// happens between its continuation request and its first look. So whatever changes the mailbox says so here.
type memorySession struct {
	*imapmemserver.UserSession
	home *Mailbox
}

func newMemorySession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	h, ok := c.NetConn().(*handover)
	if !ok {
		return nil, nil, errors.New("not a connection that was handed over")
	}
	session := memorySession{imapmemserver.NewUserSession(h.mailbox.user), h.mailbox}
	return session, &imapserver.GreetingData{PreAuth: true}, nil
}

// AppendLimit returns the bound for APPEND in bytes.
func (memorySession) AppendLimit() uint32 { return appendLimit }

// Idle writes what happens until it is stopped.
func (s memorySession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	for {
		changed := s.home.whenChanged()
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		}
	}
}

// Append adds a message and wakes those in IDLE.
func (s memorySession) Append(folder string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	defer s.home.change()
	return s.UserSession.Append(folder, r, options)
}

// Copy copies messages and wakes those in IDLE.
func (s memorySession) Copy(set imap.NumSet, folder string) (*imap.CopyData, error) {
	defer s.home.change()
	return s.UserSession.Copy(set, folder)
}

// Move moves messages and wakes those in IDLE.
func (s memorySession) Move(w *imapserver.MoveWriter, set imap.NumSet, folder string) error {
	defer s.home.change()
	return s.UserSession.Move(w, set, folder)
}

// Store changes flags and wakes those in IDLE.
func (s memorySession) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	defer s.home.change()
	return s.UserSession.Store(w, set, flags, options)
}

// Expunge removes messages and wakes those in IDLE.
func (s memorySession) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	defer s.home.change()
	return s.UserSession.Expunge(w, uids)
}
