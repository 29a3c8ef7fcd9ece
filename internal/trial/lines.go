package trial

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
	lineSize    = 64 << 10 // bounds a line, and a literal, in bytes
	lineCount   = 10_000   // bounds the lines of one answer
	subjectSize = 200      // bounds a subject as it is shown, in characters
)

// answer is the bridge's own refusal of a command, as it was sent.
type answer struct{ line string }

func (a *answer) Error() string { return a.line }

var (
	errLongLine   = errors.New("the bridge sent a line of more than 64 KiB")
	errLongAnswer = errors.New("the bridge sent an answer of more than 10,000 lines")
)

// lines are the lines of a dialog, with a deadline for each read and write.
type lines struct {
	conn   net.Conn
	reader *bufio.Reader
}

func newLines(conn net.Conn) *lines {
	return &lines{conn: conn, reader: bufio.NewReaderSize(conn, lineSize)}
}

// read returns the next line without its end.
func (l *lines) read() (string, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
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

// expect reads a line that has to start with prefix.
func (l *lines) expect(prefix string) (string, error) {
	line, err := l.read()
	if err == nil && !strings.HasPrefix(line, prefix) {
		err = &answer{line}
	}
	return line, err
}

// readFull fills data.
func (l *lines) readFull(data []byte) error {
	if err := l.conn.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	_, err := io.ReadFull(l.reader, data)
	return err
}

func (l *lines) write(data string) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(readTimeout)); err != nil {
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
	if r := []rune(subject); len(r) > subjectSize {
		subject = string(r[:subjectSize]) + "…"
	}
	return subject
}
