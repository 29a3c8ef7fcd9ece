// Package terminal is for the people at a command's terminal: it asks them for passwords without echo, knows the width
// and the colours of their lines, and keeps from them what a terminal would heed.
package terminal

import (
	"fmt"
	"io"
	"os"

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
