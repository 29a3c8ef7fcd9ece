package sandbox

import (
	"bufio"
	"bytes"
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

const (
	recordAlert = 21
	ssl30       = 0x0300
	tls12       = 0x0303
)

// oldSuites are what a stack of the nineties has left: RC4 with MD5 and SHA, 3DES, AES.
func oldSuites() []uint16 { return []uint16{0x0004, 0x0005, 0x000a, 0x002f} }

// oldRandom stands for the random bytes; a hello that is refused needs no better.
func oldRandom(n int) []byte { return []byte(strings.Repeat("drawbridge", 4))[:n] }

// oldHello sends a hello that no TLS stack of today makes any more and reads the alert.
func (v *visit) oldHello() error {
	hello := sslv3Hello()
	if v.device.Hello == SSLv2Hello {
		hello = sslv2Hello()
	}
	v.step("says hello in the way of %s", v.device.Hello)
	if err := v.lines.writeRaw(string(hello)); err != nil {
		return err
	}
	record, err := v.lines.readFull(7)
	if err != nil {
		return fmt.Errorf("wait for an alert: %w", err)
	}
	alert, err := parseAlert(record)
	if err == nil {
		v.step("refused: %v", errAlert(alert))
		err = errAlert(alert)
	}
	return err
}

// parseAlert takes an alert record apart (RFC 5246, sections 6.2.1 and 7.2).
func parseAlert(record []byte) (uint8, error) {
	version := binary.BigEndian.Uint16(record[1:3])
	switch {
	case record[0] != recordAlert:
		return 0, fmt.Errorf("answered with % x, not with an alert", record)
	case version < ssl30 || version > tls12:
		return 0, fmt.Errorf("alert in a record of version %s", tls.VersionName(version))
	case binary.BigEndian.Uint16(record[3:5]) != 2 || record[5] != 2:
		return 0, errors.New("alert that is not a fatal one")
	}
	return record[6], nil
}

// sslv3Hello is a ClientHello of RFC 6101, section 5.6.1.2, in a record of version 3.0.
func sslv3Hello() []byte {
	var body bytes.Buffer
	body.Write([]byte{3, 0})
	body.Write(oldRandom(32))
	body.WriteByte(0) // no session
	body.Write(binary.BigEndian.AppendUint16(nil, uint16(2*len(oldSuites()))))
	for _, suite := range oldSuites() {
		body.Write(binary.BigEndian.AppendUint16(nil, suite))
	}
	body.Write([]byte{1, 0}) // no compression
	hello := append([]byte{1, 0, 0, byte(body.Len())}, body.Bytes()...)
	return append([]byte{22, 3, 0, 0, byte(len(hello))}, hello...)
}

// sslv2Hello is the backward compatible hello of RFC 5246, appendix E.2, for version 3.0.
func sslv2Hello() []byte {
	var body bytes.Buffer
	body.Write([]byte{1, 3, 0})
	body.Write(binary.BigEndian.AppendUint16(nil, uint16(3*len(oldSuites()))))
	body.Write([]byte{0, 0, 0, 16}) // no session, challenge of 16 bytes
	for _, suite := range oldSuites() {
		body.WriteByte(0)
		body.Write(binary.BigEndian.AppendUint16(nil, suite))
	}
	body.Write(oldRandom(16))
	return append([]byte{0x80, byte(body.Len())}, body.Bytes()...)
}
