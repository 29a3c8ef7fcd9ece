package main

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

// imapDoctor speaks IMAP by go-imap's client, which begins with a greeting that has been read already.
type imapDoctor struct {
	client *imapclient.Client
	tap    *tap
	stop   func() bool
}

func newIMAPDoctor(conn *login.Conn, greeting string, stop func() bool) *imapDoctor {
	t := &tap{Conn: conn.Stream(greeting + "\r\n")}
	return &imapDoctor{client: imapclient.New(t, nil), tap: t, stop: stop}
}

func (d *imapDoctor) capabilities() ([]string, error) {
	caps, err := d.client.Capability().Wait()
	if err != nil {
		return nil, d.explain(err)
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

func (d *imapDoctor) login(client sasl.Client) error {
	_, initial, err := client.Start()
	if err != nil {
		return err
	}
	if len(initial)*4/3 > maxInitialLine {
		delete(d.client.Caps(), imap.CapSASLIR) // the client has no other switch for it
	}
	return d.explain(d.client.Authenticate(client))
}

func (d *imapDoctor) prove() (int, error) {
	data, err := d.client.Status("INBOX", &imap.StatusOptions{NumMessages: true}).Wait()
	if err != nil {
		return 0, d.explain(err)
	}
	if data.NumMessages == nil {
		return 0, &saidError{"a STATUS without MESSAGES"}
	}
	return int(*data.NumMessages), nil
}

// explain finds what the upstream said: the client drops the text of a BYE.
func (d *imapDoctor) explain(err error) error {
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
	if bye := d.tap.bye(); bye != "" {
		return &saidError{bye}
	}
	return login.RefuseSilent("answer", err).Err
}

func (d *imapDoctor) close() {
	if d.client.State() != imap.ConnStateLogout {
		_ = d.client.Logout().Wait()
	}
	_ = d.client.Close()
	d.stop()
}

// tap keeps the end of what was read.
type tap struct {
	net.Conn
	mu   sync.Mutex
	last []byte
}

const tapSize = 4 << 10

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p[:n]...)
	t.last = t.last[max(0, len(t.last)-tapSize):]
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
