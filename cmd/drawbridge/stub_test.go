package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"drawbridge/certs"
)

// stub is a mail server that takes any login and whose one message, of size bytes, is made while it is read. It holds nothing, so that
// large messages and many sessions cost the test little.
type stub struct {
	t          *testing.T
	size       int64
	imap, pop3 string // where it listens
	group      sync.WaitGroup
	mu         sync.Mutex
	conns      map[net.Conn]bool
	closed     bool
}

// newStub starts a stub whose certificate is of the CA in w's data directory; its root is in w.caFile afterwards.
func newStub(t *testing.T, w *world, size int64) *stub {
	t.Helper()
	withAuthority(t, w.dataDir())
	ca, err := certs.OpenCA(filepath.Join(w.dataDir(), certificates))
	must(t, err)
	root, err := ca.Export("pem")
	must(t, err)
	must(t, os.WriteFile(w.caFile(), root, 0o600))
	cert, key, err := ca.Issue([]string{"localhost", "127.0.0.1"})
	must(t, err)
	pair, err := tls.X509KeyPair(cert, key)
	must(t, err)
	s := &stub{t: t, size: size, conns: map[net.Conn]bool{}}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	t.Cleanup(s.group.Wait) // the last cleanup of these: the others close what it waits for
	s.imap, s.pop3 = s.listen(conf, s.serveIMAP), s.listen(conf, s.servePOP3)
	return s
}

func (s *stub) listen(conf *tls.Config, serve func(net.Conn, *bufio.Reader) error) string {
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	must(s.t, err)
	s.t.Cleanup(func() {
		_ = l.Close()
		s.close()
	})
	s.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.group.Go(func() { s.serve(c, serve) })
		}
	})
	return l.Addr().String()
}

// close ends every session, those to come too.
func (s *stub) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *stub) serve(c net.Conn, serve func(net.Conn, *bufio.Reader) error) {
	s.mu.Lock()
	s.conns[c] = true
	if s.closed {
		_ = c.Close()
	}
	s.mu.Unlock()
	_ = serve(c, bufio.NewReaderSize(c, 512))
	_ = c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// serveIMAP answers what these tests ask: a login, SELECT, IDLE, FETCH, APPEND, LOGOUT.
func (s *stub) serveIMAP(c net.Conn, r *bufio.Reader) error {
	_, err := io.WriteString(c, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE] ready\r\n")
	for err == nil {
		var line string
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
		words := strings.Fields(line)
		switch {
		case len(words) < 2: // DONE
		case words[1] == "IDLE":
			_, err = io.WriteString(c, "+ idling\r\n")
		case words[1] == "FETCH":
			_, err = fmt.Fprintf(c, "* 1 FETCH (BODY[] {%d}\r\n", s.size)
			err = errors.Join(err, copyN(c, binaryMessage(), s.size))
			_, _ = fmt.Fprintf(c, ")\r\n%s OK done\r\n", words[0])
		case words[1] == "APPEND":
			err = takeAppend(c, r, words)
		default:
			_, err = fmt.Fprintf(c, "%s OK done\r\n", words[0])
		}
	}
	return err
}

// takeAppend answers APPEND with the hash of what it got.
func takeAppend(c net.Conn, r *bufio.Reader, words []string) error {
	size, err := strconv.ParseInt(strings.Trim(words[len(words)-1], "{}"), 10, 64)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c, "+ go on\r\n"); err != nil {
		return err
	}
	hash := sha256.New()
	if err := copyN(hash, r, size); err != nil {
		return err
	}
	if _, err := r.ReadString('\n'); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "%s OK %x\r\n", words[0], hash.Sum(nil))
	return err
}

func (s *stub) servePOP3(c net.Conn, r *bufio.Reader) error {
	_, err := io.WriteString(c, "+OK ready\r\n")
	for err == nil {
		var line string
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
		switch word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "CAPA":
			_, err = io.WriteString(c, "+OK\r\nUSER\r\n.\r\n")
		case "RETR":
			_, _ = io.WriteString(c, "+OK\r\n")
			err = copyN(c, textMessage(), s.size)
			_, _ = io.WriteString(c, "\r\n.\r\n")
		default:
			_, err = io.WriteString(c, "+OK done\r\n")
		}
	}
	return err
}

// binaryMessage is the endless beginning of a message with every byte in it; each call makes the same.
func binaryMessage() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// textMessage is one of lines that no dot begins.
func textMessage() io.Reader {
	var raw [48 << 10]byte
	_, _ = binaryMessage().Read(raw[:])
	return &lines{block: []byte(base64.StdEncoding.EncodeToString(raw[:]) + "\r\n")}
}

// lines repeats a block behind a line with its number, so that no two places are alike.
type lines struct {
	block, rest []byte
	number      int
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(l.rest) == 0 {
			l.number++
			l.rest = append(fmt.Appendf(nil, "block %d\r\n", l.number), l.block...)
		}
		copied := copy(p[n:], l.rest)
		l.rest = l.rest[copied:]
		n += copied
	}
	return n, nil
}

// copyN copies exactly n bytes by a buffer of its own.
func copyN(w io.Writer, r io.Reader, n int64) error {
	got, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(r, n), make([]byte, 64<<10))
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// hashOf is the SHA-256 of the next n bytes.
func hashOf(t *testing.T, r io.Reader, n int64) string {
	t.Helper()
	hash := sha256.New()
	must(t, copyN(hash, r, n))
	return hex.EncodeToString(hash.Sum(nil))
}
