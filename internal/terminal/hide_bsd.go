//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package terminal

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's mode (tty(4)).
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
