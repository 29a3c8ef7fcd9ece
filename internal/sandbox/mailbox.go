package sandbox

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
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

// popMessage is a message as it was when the maildrop was opened.
type popMessage struct {
	uid     imap.UID
	size    int64
	deleted bool
}

// maildrop is a mailbox's inbox as POP3 sees it: an IMAP session of the memory server, spoken to over a pipe, so
// that both protocols see the same messages.
type maildrop struct {
	client   *imapclient.Client
	served   chan struct{} // closed when the memory server has let go of the pipe
	messages []popMessage
}

func openMaildrop(memory *memoryServer, mailbox *Mailbox) (*maildrop, error) {
	ours, theirs := net.Pipe()
	d := &maildrop{client: imapclient.New(ours, nil), served: make(chan struct{})}
	go func() {
		defer close(d.served)
		memory.serve(mailbox, theirs)
	}()
	if err := d.load(); err != nil {
		d.close()
		return nil, fmt.Errorf("open the maildrop of %s: %w", mailbox.Address(), err)
	}
	return d, nil
}

func (d *maildrop) load() error {
	if err := d.client.WaitGreeting(); err != nil {
		return err
	}
	selected, err := d.client.Select(inbox, nil).Wait()
	if err != nil || selected.NumMessages == 0 {
		return err
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	messages, err := d.client.Fetch(all, &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
	for _, m := range messages {
		d.messages = append(d.messages, popMessage{uid: m.UID, size: m.RFC822Size})
	}
	return err
}

// close lets go of the maildrop and waits for the memory server to do so too.
func (d *maildrop) close() {
	d.client.Close()
	<-d.served
}

// total returns what STAT says: how many messages, and their size in bytes.
func (d *maildrop) total() (count int, size int64) {
	for _, m := range d.messages {
		if !m.deleted {
			count, size = count+1, size+m.size
		}
	}
	return count, size
}

// estimate makes the sizes those that Exchange Online tells.
func (d *maildrop) estimate() {
	for i := range d.messages {
		d.messages[i].size = estimated(d.messages[i].size)
	}
}

func (d *maildrop) reset() {
	for i := range d.messages {
		d.messages[i].deleted = false
	}
}

// open starts reading message i; done must be called when the reader is no longer needed.
func (d *maildrop) open(i int) (body io.Reader, size int64, done func(), err error) {
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := d.client.Fetch(imap.UIDSetNum(d.messages[i].uid), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}})
	message := fetch.Next()
	if message == nil {
		return nil, 0, nil, fmt.Errorf("fetch message %d: %w", i+1, cmp.Or(fetch.Close(), io.ErrUnexpectedEOF))
	}
	for item := message.Next(); item != nil; item = message.Next() {
		if data, ok := item.(imapclient.FetchItemDataBodySection); ok && data.Literal != nil {
			return data.Literal, data.Literal.Size(), func() { fetch.Close() }, nil
		}
	}
	return nil, 0, nil, fmt.Errorf("fetch message %d: %w", i+1, cmp.Or(fetch.Close(), io.ErrUnexpectedEOF))
}

// update removes what was deleted.
func (d *maildrop) update() error {
	var gone imap.UIDSet
	for _, m := range d.messages {
		if m.deleted {
			gone.AddNum(m.uid)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := d.client.Store(gone, flags, nil).Close(); err != nil {
		return fmt.Errorf("mark deleted messages: %w", err)
	}
	if err := d.client.UIDExpunge(gone).Close(); err != nil {
		return fmt.Errorf("expunge: %w", err)
	}
	return nil
}
