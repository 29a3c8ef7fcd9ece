//go:build unix

package main

import "syscall"

// openFiles is how many files this process may have open, which Go has raised as far as it may be; 0: nobody limits them.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > maxFiles {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // it is signed on FreeBSD
}

// maxFiles is more than any process needs: RLIM_INFINITY is beyond it on every system.
const maxFiles = 1 << 40
