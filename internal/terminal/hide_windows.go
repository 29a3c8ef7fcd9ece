package terminal

import "golang.org/x/sys/windows"

// hide switches off that a console shows what is typed.
func hide(fd int) error {
	console, mode := windows.Handle(fd), uint32(0) //nolint:gosec // a handle
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return err
	}
	return windows.SetConsoleMode(console, mode&^windows.ENABLE_ECHO_INPUT|windows.ENABLE_LINE_INPUT|windows.ENABLE_PROCESSED_INPUT)
}
