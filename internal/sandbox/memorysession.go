package sandbox

import (
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

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
