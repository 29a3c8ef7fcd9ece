package sandbox

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Exchange is a stand-in for Exchange: a CA, mailboxes, and listeners that are opened with [Exchange.Listen].
// It is safe for concurrent use and must be closed.
type Exchange struct {
	*authority
	memory *memoryServer
	log    *Log
	conns  atomic.Uint64 // the number of the last connection

	mu sync.Mutex
	organization
	mailboxes map[string]*Mailbox // by lower-case address
	listeners []*Listener
	closed    bool
}

// New makes a stand-in with a new CA. It listens nowhere yet.
func New() (*Exchange, error) {
	authority, err := newAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	return &Exchange{
		authority:    authority,
		memory:       newMemoryServer(),
		log:          newLog(),
		mailboxes:    make(map[string]*Mailbox),
		organization: organization{principals: make(map[string]string), access: make(map[permission]time.Time)},
	}, nil
}

// Log returns what reached the stand-in.
func (e *Exchange) Log() *Log { return e.log }

// AddMailbox sets up a mailbox; an address can be taken once, its case does not matter.
func (e *Exchange) AddMailbox(account Account) (*Mailbox, error) {
	mailbox, err := newMailbox(account)
	if err != nil {
		return nil, fmt.Errorf("mailbox %s: %w", account.Address, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := strings.ToLower(account.Address)
	if e.mailboxes[key] != nil {
		return nil, fmt.Errorf("mailbox %s exists already", account.Address)
	}
	e.mailboxes[key] = mailbox
	return mailbox, nil
}

// Mailbox returns the mailbox of an address, or nil.
func (e *Exchange) Mailbox(address string) *Mailbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mailboxes[strings.ToLower(address)]
}

// Listen opens a listener; the zero options give IMAP over implicit TLS 1.2 on a free loopback port.
func (e *Exchange) Listen(options ListenOptions) (*Listener, error) {
	options = options.withDefaults()
	certificate, err := e.issue(options.Certificate, time.Now())
	if err != nil {
		return nil, err
	}
	l := newListener(e, options, certificate)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, net.ErrClosed
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	e.listeners = append(e.listeners, l)
	return l, nil
}

// Close closes all listeners and connections, and returns when every goroutine of the stand-in has ended. A second call does nothing.
func (e *Exchange) Close() error {
	e.mu.Lock()
	listeners, already := e.listeners, e.closed
	e.listeners, e.closed = nil, true
	e.mu.Unlock()
	if already {
		return nil
	}
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return errors.Join(err, e.memory.close())
}
