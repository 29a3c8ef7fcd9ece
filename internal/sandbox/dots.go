package sandbox

import (
	"bufio"
	"bytes"
)

// dotWriter byte-stuffs a message (RFC 1939, section 3) and otherwise leaves each byte as it is, bare line feeds too.
type dotWriter struct {
	out   *bufio.Writer
	lines int // how many lines of the body are wanted (TOP); below 0: all

	middle bool // not at the beginning of a line
	carry  bool // the last byte was a CR
	filled bool // the current line has something besides its end
	body   bool // the header is over
	sent   int  // lines of the body so far
}

// Write takes a piece of the message; what TOP does not want is dropped.
func (d *dotWriter) Write(p []byte) (int, error) {
	if d.lines < 0 {
		return len(p), d.putAll(p)
	}
	for _, b := range p {
		if d.lines >= 0 && d.body && d.sent >= d.lines {
			break
		}
		if err := d.put(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// putAll writes whole lines at a time.
func (d *dotWriter) putAll(p []byte) error {
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		if err := d.put(p[0]); err != nil {
			return err
		}
		if _, err := d.out.Write(p[1:n]); err != nil {
			return err
		}
		d.middle, d.carry = p[n-1] != '\n', p[n-1] == '\r'
		p = p[n:]
	}
	return nil
}

func (d *dotWriter) put(b byte) error {
	if b == '.' && !d.middle {
		if err := d.out.WriteByte('.'); err != nil {
			return err
		}
	}
	d.middle, d.carry = b != '\n', b == '\r'
	if b == '\n' {
		d.endLine()
	} else if b != '\r' {
		d.filled = true
	}
	return d.out.WriteByte(b)
}

func (d *dotWriter) endLine() {
	if d.body {
		d.sent++
	}
	if !d.filled {
		d.body = true
	}
	d.filled = false
}

// finish ends the last line if the message did not, and says the dot.
func (d *dotWriter) finish() error {
	if d.middle {
		if !d.carry {
			d.out.WriteByte('\r')
		}
		d.out.WriteByte('\n')
	}
	_, err := d.out.WriteString(".\r\n")
	return err
}
