//go:build unix

package accounts

import (
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
