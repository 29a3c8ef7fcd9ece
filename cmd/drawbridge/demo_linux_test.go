package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// offline is set in the process that has no network but loopback.
const offline = "DRAWBRIDGE_TEST_OFFLINE"

// TestDemo_NeedsNoNetwork runs the demo in a network namespace where nothing but loopback exists.
func TestDemo_NeedsNoNetwork(t *testing.T) {
	if os.Getenv(offline) != "" {
		must(t, loopbackUp())
		if code := run(t.Context(), []string{"demo", "--once"}, os.Stdout, os.Stderr); code != exitDone {
			t.Errorf("exit %d, want 0", code)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), offline+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		skipUnlessCI(t, "this machine gives no network namespace: %v", err)
	}
	if err != nil {
		t.Errorf("the demo without network: %v\n%s", err, out)
	}
}

// loopbackUp switches the namespace's own loopback interface on.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}
