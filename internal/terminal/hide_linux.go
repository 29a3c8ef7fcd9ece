package terminal

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's mode (ioctl_tty(2)).
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)
