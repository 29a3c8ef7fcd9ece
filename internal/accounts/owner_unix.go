//go:build unix

package accounts

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives path to whom model belongs: root may run the command, the bridge must read what it left.
func keepOwner(path, model string) error {
	from, err := os.Stat(model)
	if err != nil {
		return err
	}
	to, err := os.Stat(path)
	if err != nil {
		return err
	}
	want, have := from.Sys().(*syscall.Stat_t), to.Sys().(*syscall.Stat_t)
	if want.Uid == have.Uid && want.Gid == have.Gid {
		return nil
	}
	err = os.Lchown(path, int(want.Uid), int(want.Gid))
	if err != nil && want.Uid == have.Uid {
		return nil // the group alone: nobody else may read the file anyway
	}
	return err
}

// private refuses a file that others may read or write.
func private(info fs.FileInfo) error {
	if others := info.Mode().Perm() & 0o007; others != 0 {
		return fmt.Errorf("everybody can read or write the file (mode %04o): run `chmod 600` on it, and change its passwords", info.Mode().Perm())
	}
	return nil
}
