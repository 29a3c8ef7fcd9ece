// Package private tells whether a file is closed to everybody else on the machine, and whether a folder and what is in it belong
// to who runs the program.
//
// Rights of a group are taken as they are: who made the file chose the group, as the packages' root:drawbridge and Kubernetes'
// fsGroup do. Where a system has no such rights, nothing is found wrong.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// everybody are the rights to read and to change of who is neither the owner nor of the group.
const everybody fs.FileMode = 0o006

// Closed refuses a file that everybody on the machine may read or change. info is that of the file at path, which the error
// names with what mends it.
func Closed(path string, info fs.FileInfo) error {
	open := info.Mode().Perm() & everybody
	if open == 0 || !hasOwners {
		return nil
	}
	what := "read"
	if open&0o004 == 0 {
		what = "changed"
	}
	return fmt.Errorf("%s can be %s by everybody on this machine; run: chmod o-rwx %s", path, what, Quote(path))
}

// ClosedFile is Closed for the file at path, links followed.
func ClosedFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return Closed(path, info)
}

// NotOwner says that a file belongs to another user than it must.
type NotOwner struct {
	Path  string
	Owner int // whose it is
	Want  int // whose it must be
	inner bool
	// writable says that who runs the program may make a folder in Path all the same, by right of a group.
	writable bool
}

// Error says what to do: for the folder itself, name one that is nobody else's.
func (e *NotOwner) Error() string {
	what := fmt.Sprintf("%s belongs to %s, not to %s", e.Path, Name(e.Owner), Name(e.Want))
	switch {
	case e.inner:
		return fmt.Sprintf("%s, and could have been put there by somebody else: look at it, then remove it or run: chown -h %d %s",
			what, e.Want, Quote(e.Path))
	case e.writable:
		return fmt.Sprintf("%s, and its owner could put accounts into it: name a folder inside it, which is made when it is missing: %s",
			what, filepath.Join(e.Path, "drawbridge"))
	}
	return what + ", and its owner could put accounts into it: run as its owner, or name a folder of its own"
}

// Folder makes sure that the folder at path belongs to the user with the id uid; a link that leads there may be root's too. The
// error is a *NotOwner where it does not.
func Folder(path string, uid int) error {
	link, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(link); ok && owner != uid && (owner != 0 || link.Mode().Type() != fs.ModeSymlink) {
		return &NotOwner{Path: path, Owner: owner, Want: uid, writable: groupMayWrite(link)}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(info); ok && owner != uid {
		return &NotOwner{Path: path, Owner: owner, Want: uid, writable: groupMayWrite(info)}
	}
	return nil
}

// LostAndFound is the folder that a file system puts into its own root, for root alone.
const LostAndFound = "lost+found"

// Tree makes sure that everything in the folder at path belongs to the user with the id uid, and where links lead to that user or
// root, and calls each, which may be nil, with what is no link. Where links lead is not walked through. What goes meanwhile is no
// fault.
func Tree(path string, uid int, each func(path string, info fs.FileInfo) error) error {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == LostAndFound && filepath.Dir(path) == root {
			return fs.SkipDir
		}
		if err == nil {
			err = judge(path, e, uid, each)
		}
		if errors.Is(err, fs.ErrNotExist) && path != root {
			return nil
		}
		return err
	})
}

func judge(path string, e fs.DirEntry, uid int, each func(string, fs.FileInfo) error) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(info); ok && owner != uid {
		return &NotOwner{Path: path, Owner: owner, Want: uid, inner: true}
	}
	if e.Type() == fs.ModeSymlink {
		return judgeTarget(path, uid)
	}
	if each == nil {
		return nil
	}
	return each(path, info)
}

// judgeTarget looks at where a link leads, which may be root's: nobody else may change something there either.
func judgeTarget(path string, uid int) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(info); ok && owner != uid && owner != 0 {
		return &NotOwner{Path: path, Owner: owner, Want: uid, inner: true}
	}
	if info.Mode().Perm()&0o002 != 0 && hasOwners {
		return fmt.Errorf("%s leads to what can be changed by everybody on this machine; run: chmod o-w %s", path, Quote(path))
	}
	return nil
}

// CloseToGroup takes the rights of the group from what belongs to this user, and gives the owner those to a folder: volumes that
// are given to a group (Kubernetes' fsGroup) have files changed so at each start. Where a file system knows no other modes, those
// of a group of this user's stay. It is an each of Tree.
func CloseToGroup(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm() &^ 0o070
	if info.IsDir() {
		mode |= 0o700
	}
	if mode == info.Mode().Perm() || !hasOwners {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil && !groupIsOurs(info) {
		return fmt.Errorf("close %s to its group: %w", path, err)
	}
	return nil
}

// Name tells a user by name and number, or by number alone where the name is not known.
func Name(uid int) string {
	number := strconv.Itoa(uid)
	u, err := user.LookupId(number)
	if err != nil {
		return "the user " + number
	}
	return u.Username + " (" + number + ")"
}

// Quote quotes a path for pasting into a POSIX shell.
func Quote(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@"
	if strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
