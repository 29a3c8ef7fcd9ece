package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

const inbox = "INBOX"

// Token is an OAuth2 access token that opens a mailbox.
type Token struct {
	Value        string        // up to 16 KiB
	NoFullAccess bool          // accepted, and then the mailbox is "not connected"
	Life         time.Duration // how long a session may last before it ends with AccessTokenExpired; 0: for ever
}

// Account is a mailbox as it is set up.
type Account struct {
	Address  string  // also the name to log in with
	Password string  // empty: passwords are refused
	Tokens   []Token // none: tokens are refused
	Messages [][]byte
}

// Mailbox is one mailbox of the stand-in, the same over IMAP and POP3. It is safe for concurrent use.
type Mailbox struct {
	account Account
	user    *imapmemserver.User

	mu       sync.Mutex
	sessions map[Protocol]int
	disabled map[Protocol]bool // only for tokens of an Entra ID stand-in
	changed  chan struct{}     // closed and replaced when a folder changes
}

// errNotFaithful is returned for bytes that the memory server would not give back as they are: a message needs a header.
var errNotFaithful = errors.New("not a message that can be given back byte for byte: it needs well-formed header lines")

func newMailbox(account Account) (*Mailbox, error) {
	m := &Mailbox{
		account:  account,
		user:     imapmemserver.NewUser(account.Address, ""),
		sessions: make(map[Protocol]int),
		disabled: make(map[Protocol]bool),
		changed:  make(chan struct{}),
	}
	for _, folder := range []string{inbox, "Deleted Items", "Drafts", "Sent Items", "Junk Email"} {
		if err := m.user.Create(folder, nil); err != nil {
			return nil, fmt.Errorf("create folder %s: %w", folder, err)
		}
	}
	for i, message := range account.Messages {
		if err := m.Deliver(message); err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return m, nil
}

// Address returns the mailbox's address.
func (m *Mailbox) Address() string { return m.account.Address }

// Deliver puts a message, kept as it is, into the inbox; sessions in IDLE are told at once. The bytes must not change afterwards.
// Anything without a well-formed header is refused.
func (m *Mailbox) Deliver(message []byte) error {
	whole := &imap.FetchItemBodySection{}
	if !bytes.Equal(imapserver.ExtractBodySection(bytes.NewReader(message), whole), message) {
		return errNotFaithful
	}
	if _, err := m.user.Append(inbox, literal{bytes.NewReader(message)}, &imap.AppendOptions{}); err != nil {
		return fmt.Errorf("append to the inbox: %w", err)
	}
	m.change()
	return nil
}

// change wakes the sessions in IDLE.
func (m *Mailbox) change() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.changed)
	m.changed = make(chan struct{})
}

// whenChanged returns what is closed at the next change.
func (m *Mailbox) whenChanged() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Count returns how many messages the inbox holds.
func (m *Mailbox) Count() (int, error) {
	status, err := m.user.Status(inbox, &imap.StatusOptions{NumMessages: true})
	if err != nil {
		return 0, fmt.Errorf("count the inbox: %w", err)
	}
	return int(*status.NumMessages), nil
}

// literal makes a reader of known length what go-imap appends from.
type literal struct{ *bytes.Reader }

// enter takes a session's place, or tells that all are taken.
func (m *Mailbox) enter(protocol Protocol, most int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions[protocol] >= most {
		return false
	}
	m.sessions[protocol]++
	return true
}

func (m *Mailbox) leave(protocol Protocol) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[protocol]--
}

// Sessions returns how many sessions of a protocol have the mailbox open.
func (m *Mailbox) Sessions(protocol Protocol) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[protocol]
}

// SetEnabled is Set-CASMailbox: ImapEnabled or PopEnabled, both true at first. It counts for logins with a token of an [Entra] only.
func (m *Mailbox) SetEnabled(protocol Protocol, enabled bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disabled[protocol] = !enabled
}

func (m *Mailbox) enabled(protocol Protocol) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.disabled[protocol]
}

// verdict is what the stand-in thinks of a login.
type verdict struct {
	mailbox      *Mailbox // nil: refused
	notConnected bool
	life         time.Duration // how long the session may last; 0: for ever
	why          string        // what is wrong, for the log
}

func (m *Mailbox) judge(login Login) verdict {
	if login.Mechanism != mechanismXOAUTH2 {
		if m.account.Password == "" || login.Password != m.account.Password {
			return verdict{}
		}
		return verdict{mailbox: m}
	}
	for _, token := range m.account.Tokens {
		if token.Value != "" && token.Value == login.Token {
			return verdict{mailbox: m, notConnected: token.NoFullAccess, life: token.Life}
		}
	}
	return verdict{}
}
