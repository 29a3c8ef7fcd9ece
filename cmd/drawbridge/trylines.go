package main

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"time"
)

const (
	// tryLineSize bounds a line, and a literal, in bytes.
	tryLineSize = 64 << 10
	// tryLineCount bounds the lines of one answer.
	tryLineCount = 10_000
	// trySubjectSize bounds a subject as it is shown, in characters.
	trySubjectSize = 200
)

// tryAnswer is the bridge's own refusal of a command, as it was sent.
type tryAnswer struct{ line string }

func (a *tryAnswer) Error() string { return a.line }

var (
	errLongLine   = errors.New("the bridge sent a line of more than 64 KiB")
	errLongAnswer = errors.New("the bridge sent an answer of more than 10,000 lines")
)

// tryLines are the lines of a dialog, with a deadline for each read and write.
type tryLines struct {
	conn   net.Conn
	reader *bufio.Reader
}

func newTryLines(conn net.Conn) *tryLines {
	return &tryLines{conn: conn, reader: bufio.NewReaderSize(conn, tryLineSize)}
}

// replace goes on over TLS.
func (l *tryLines) replace(conn net.Conn) {
	l.conn = conn
	l.reader.Reset(conn)
}

// read returns the next line without its end.
func (l *tryLines) read() (string, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(tryReadTimeout)); err != nil {
		return "", err
	}
	line, err := l.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errLongLine
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// readFull fills data.
func (l *tryLines) readFull(data []byte) error {
	if err := l.conn.SetReadDeadline(time.Now().Add(tryReadTimeout)); err != nil {
		return err
	}
	_, err := io.ReadFull(l.reader, data)
	return err
}

func (l *tryLines) write(data string) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(tryReadTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(l.conn, data)
	return err
}

// subjectOf reads the subject in a message's header, decoded (RFC 2047) where that can be done.
func subjectOf(header string) string {
	m, err := mail.ReadMessage(strings.NewReader(header + "\r\n\r\n"))
	if err != nil {
		return ""
	}
	subject := m.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = decoded
	}
	if r := []rune(subject); len(r) > trySubjectSize {
		subject = string(r[:trySubjectSize]) + "…"
	}
	return subject
}
