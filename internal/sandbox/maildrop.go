package sandbox

import (
	"fmt"
	"io"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

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
		return nil, 0, nil, fmt.Errorf("fetch message %d: %w", i+1, orGone(fetch.Close()))
	}
	for item := message.Next(); item != nil; item = message.Next() {
		if data, ok := item.(imapclient.FetchItemDataBodySection); ok && data.Literal != nil {
			return data.Literal, data.Literal.Size(), func() { fetch.Close() }, nil
		}
	}
	return nil, 0, nil, fmt.Errorf("fetch message %d: %w", i+1, orGone(fetch.Close()))
}

// orGone gives a message that another session removed an error of its own.
func orGone(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
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
