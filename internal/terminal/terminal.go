// Package terminal is the way from a command to the person at its terminal.
//
// It asks for passwords without echo, knows the width and the colours of lines, and keeps back what a terminal would heed.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"

	"golang.org/x/term"
)

// Is reports whether stream, what a command reads from or writes to, has a person at its other end.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a file descriptor
}

// Width is how many cells a line of w has, 0 where w is no terminal and lines may be of any length.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a file descriptor
	if err != nil {
		return 0
	}
	return width
}

// Coloured reports whether w may be coloured (no-color.org).
func Coloured(w io.Writer) bool { return Is(w) && os.Getenv("NO_COLOR") == "" }

// Printer writes lines for people.
type Printer struct {
	Out    io.Writer
	Colour bool // paint something
}

// NewPrinter returns a Printer to out, which paints where out may be coloured.
func NewPrinter(out io.Writer) Printer { return Printer{Out: out, Colour: Coloured(out)} }

// Line writes one line. What cannot be written is lost.
func (p Printer) Line(format string, args ...any) { _, _ = fmt.Fprintf(p.Out, format+"\n", args...) }

// What Paint takes, by ECMA-48, section 8.3.117.
const (
	Green = "\x1b[32m"
	Red   = "\x1b[31m"
	Faint = "\x1b[2m"
	Bold  = "\x1b[1m"
)

// Paint returns text in a colour, or as it is.
func (p Printer) Paint(colour, text string) string {
	if !p.Colour {
		return text
	}
	return colour + text + "\x1b[0m"
}

// OneLine makes what several faults say one line of an error.
func OneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// Plain shows text that somebody else chose: letters, digits and what names, addresses and URLs are made of as they
// are, every other byte as \xNN.
func Plain(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._@+-:/?=%", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// ASCIIJSON writes every character of a JSON text beyond printable ASCII as \uNNNN: C1 and bidirectional controls do
// something to a terminal, and encoding/json leaves them as they are. They can stand in strings only.
func ASCIIJSON(text []byte) []byte {
	var b []byte
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}
