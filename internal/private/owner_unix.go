//go:build unix

package private

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// hasOwners says that files have owners, groups and modes here.
const hasOwners = true

// Owner is the id of the user whom the file at path belongs to, links followed; false where there is no such thing.
func Owner(path string) (int, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return ownerOf(info)
}

func ownerOf(info fs.FileInfo) (int, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// groupMayWrite reports whether this user can make something in a folder because of its group.
func groupMayWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o020 != 0 && groupIsOurs(info) }

func groupIsOurs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	groups, _ := os.Getgroups()
	return int(s.Gid) == os.Getegid() || slices.Contains(groups, int(s.Gid))
}
