package doctor

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// imapClient speaks IMAP by go-imap's client, which begins with a greeting that has been read already.
type imapClient struct {
	client *imapclient.Client
	tap    *tap
}

func newIMAPClient(conn *login.Conn, greeting string) mailClient {
	t := &tap{Conn: conn.Stream(greeting + "\r\n")}
	return &imapClient{client: imapclient.New(t, nil), tap: t}
}

func (i *imapClient) capabilities() ([]string, error) {
	caps, err := i.client.Capability().Wait()
	if err != nil {
		return nil, i.explain(err)
	}
	var list []string
	for c := range caps {
		list = append(list, string(c))
	}
	slices.Sort(list)
	return list, nil
}

// maxInitialLine is how long a command with an initial response may be, in bytes: Exchange's bound is 10,240.
const maxInitialLine = 9000

func (i *imapClient) login(client sasl.Client, _ string, initial []byte) error {
	if len(initial)*4/3 > maxInitialLine {
		delete(i.client.Caps(), imap.CapSASLIR) // the client has no other switch for it
	}
	return i.explain(i.client.Authenticate(client))
}

func (i *imapClient) prove() (int, error) {
	data, err := i.client.Status("INBOX", &imap.StatusOptions{NumMessages: true}).Wait()
	if err != nil {
		return 0, i.explain(err)
	}
	if data.NumMessages == nil {
		return 0, &saidError{"a STATUS without MESSAGES"}
	}
	return int(*data.NumMessages), nil
}

// explain finds what the upstream said: the client drops the text of a BYE.
func (i *imapClient) explain(err error) error {
	if err == nil {
		return nil
	}
	var said *imap.Error
	if errors.As(err, &said) {
		line := string(said.Type)
		if said.Code != "" {
			line += " [" + string(said.Code) + "]"
		}
		return &saidError{line + " " + said.Text}
	}
	if bye := i.tap.bye(); bye != "" {
		return &saidError{bye}
	}
	return silent("answer", err)
}

func (i *imapClient) quit() {
	if i.client.State() != imap.ConnStateLogout {
		_ = i.client.Logout().Wait()
	}
	_ = i.client.Close()
}

// tap keeps the last 4 KiB of what was read.
type tap struct {
	net.Conn
	mu   sync.Mutex
	last []byte
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p[:n]...)
	t.last = t.last[max(0, len(t.last)-(4<<10)):]
	return n, err
}

// bye is the line with which the upstream ended the session, if it said one.
func (t *tap) bye() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(t.last) {
		if text := strings.TrimSpace(string(line)); hasPrefixFold(text, "* BYE") {
			return text
		}
	}
	return ""
}
