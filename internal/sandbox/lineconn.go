package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// maxMail bounds what a device reads as one message.
const maxMail = 64 << 20

// lineConn is a device's connection: lines with a deadline each, sent as its habits are.
type lineConn struct {
	stream  net.Conn
	reader  *bufio.Reader
	habits  Habits
	timeout time.Duration
}

func newLineConn(stream net.Conn, habits Habits, timeout time.Duration) *lineConn {
	return &lineConn{stream: stream, reader: bufio.NewReader(stream), habits: habits, timeout: timeout}
}

// replace goes on over TLS; what came in clear text before is forgotten.
func (l *lineConn) replace(stream net.Conn) {
	l.stream = stream
	l.reader.Reset(stream)
}

// read returns the next line without its end.
func (l *lineConn) read() (string, error) {
	l.stream.SetReadDeadline(time.Now().Add(l.timeout))
	line, err := readLine(l.reader, maxLine)
	if err != nil {
		return "", fmt.Errorf("read a line: %w", err)
	}
	return withoutEnd(line), nil
}

func (l *lineConn) readFull(size int64) ([]byte, error) {
	if size > maxMail {
		return nil, fmt.Errorf("message of %d bytes", size)
	}
	l.stream.SetReadDeadline(time.Now().Add(l.timeout))
	data := make([]byte, size)
	if _, err := io.ReadFull(l.reader, data); err != nil {
		return nil, fmt.Errorf("read %d bytes: %w", size, err)
	}
	return data, nil
}

// write sends data as it is, with the device's line end.
func (l *lineConn) write(data string) error {
	end := "\r\n"
	if l.habits.BareLF {
		end = "\n"
	}
	return l.writeRaw(data + end)
}

func (l *lineConn) writeRaw(data string) error {
	l.stream.SetWriteDeadline(time.Now().Add(l.timeout))
	if _, err := io.WriteString(l.stream, data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// words joins command words and arguments as the device is used to; only the first counts as a command word.
func (l *lineConn) words(command string, arguments ...string) string {
	if l.habits.LowerCase {
		command = strings.ToLower(command)
	}
	separator := " "
	if l.habits.DoubleSpaces {
		separator = "  "
	}
	return strings.Join(append([]string{command}, arguments...), separator)
}
