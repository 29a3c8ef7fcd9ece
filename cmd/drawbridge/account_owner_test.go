package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAccount_FilesBelongToTheOwnerOfTheDataDirectory has root run commands for a bridge that runs as somebody else.
func TestAccount_FilesBelongToTheOwnerOfTheDataDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		skipUnlessCI(t, "only root makes files for others")
	}
	const somebody = 12345
	w := newAccountWorld(t, "")
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	must(t, os.Chown(w.dataDir(), somebody, somebody))
	w.done("47114711", "add", "boss", "--mailbox", boss)
	code, ended := w.startLogin(t.Context())
	must(t, w.entra.Approve(code, boss))
	must(t, <-ended)
	var seen []string
	must(t, filepath.WalkDir(w.dataDir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		must(t, err)
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != somebody || owner.Gid != somebody {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
		seen = append(seen, path)
		return nil
	}))
	if len(seen) < 7 { // data, lock, accounts, accounts.json, tokens, a token, token.key
		t.Errorf("only %q were made", seen)
	}
}
