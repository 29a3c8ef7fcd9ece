package main

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
)

// isTerminal reports whether a person is looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// terminalWidth is how many cells a line of w has, 0 where w is no terminal and lines may be of any length.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(w.(*os.File).Fd()), unix.TIOCGWINSZ) //nolint:gosec // a file descriptor
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// useColour reports whether w may be coloured (no-color.org).
func useColour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == ""
}
