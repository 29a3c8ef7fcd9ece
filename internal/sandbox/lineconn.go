package sandbox

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
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

// The old hellos, for version 3.0 and with what a stack of the nineties has left: RC4 with MD5 and SHA, 3DES, AES. Text stands
// for the random bytes, because a hello that is refused needs no better.
const (
	// RFC 6101, section 5.6.1.2.
	sslv3Hello = "\x16\x03\x00\x00\x33" + "\x01\x00\x00\x2f" + // a record of 51 bytes with a ClientHello of 47
		"\x03\x00" + "drawbridgedrawbridgedrawbridgedr" + "\x00" + // no session
		"\x00\x08" + "\x00\x04\x00\x05\x00\x0a\x00\x2f" + "\x01\x00" // four suites, no compression
	// The backward compatible one of RFC 5246, appendix E.2.
	sslv2Hello = "\x80\x25" + "\x01\x03\x00" + // 37 bytes
		"\x00\x0c\x00\x00\x00\x10" + // of suites 12, no session, of a challenge 16
		"\x00\x00\x04\x00\x00\x05\x00\x00\x0a\x00\x00\x2f" + "drawbridgedrawbr"
)

// oldHello sends a hello that no TLS stack of today makes any more and reads the alert.
func (v *visit) oldHello() error {
	hello := sslv3Hello
	if v.device.Hello == SSLv2Hello {
		hello = sslv2Hello
	}
	v.step("says hello in the way of %s", v.device.Hello)
	if err := v.lines.writeRaw(hello); err != nil {
		return err
	}
	record, err := v.lines.readFull(7)
	if err != nil {
		return fmt.Errorf("wait for an alert: %w", err)
	}
	alert, err := parseAlert(record)
	if err != nil {
		return err
	}
	v.step("refused: %v", alert)
	return alert
}

// parseAlert takes an alert record apart (RFC 5246, sections 6.2.1 and 7.2).
func parseAlert(record []byte) (errAlert, error) {
	version := binary.BigEndian.Uint16(record[1:3])
	switch {
	case record[0] != 21:
		return 0, fmt.Errorf("answered with % x, not with an alert", record)
	case version < 0x0300 || version > tls.VersionTLS12: // SSL 3.0, whose name in crypto/tls is deprecated
		return 0, fmt.Errorf("alert in a record of version %s", tls.VersionName(version))
	case binary.BigEndian.Uint16(record[3:5]) != 2 || record[5] != 2:
		return 0, errors.New("alert that is not a fatal one")
	}
	return errAlert(record[6]), nil
}
