//go:build unix

package devicetls

import "syscall"

// Pending reports, without waiting, whether bytes have arrived that were not read yet.
func (w *Wire) Pending() bool {
	if len(w.peeked) > 0 {
		return true
	}
	c, ok := w.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && n > 0
}
