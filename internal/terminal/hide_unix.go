//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package terminal

import "golang.org/x/sys/unix"

// hide switches off that a terminal shows what is typed, but for the line's end.
func hide(fd int) error {
	mode, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	mode.Lflag = mode.Lflag&^unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG
	return unix.IoctlSetTermios(fd, setTermios, mode)
}
