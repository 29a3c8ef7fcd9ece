package oauth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"drawbridge/internal/wholefile"
)

// ownSecret reads the secret in path, and makes one where there is none. Of two processes that make one at once both
// get the same.
func ownSecret(path string) ([]byte, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(path); err != nil {
			return nil, fmt.Errorf("make a key for refresh tokens: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of refresh tokens: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others, run: chmod 600 %s", path, path)
	}
	secret, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of refresh tokens: %w", err)
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("%s is not a key of %d bytes or more, put it back from a backup or remove it and sign in again", path, minSecret)
	}
	return secret, nil
}

// makeSecret writes a new secret beside path and links it there: it is whole when it can be seen, and never replaced.
func makeSecret(path string) error {
	raw := make([]byte, minSecret)
	_, _ = rand.Read(raw) // never fails
	draft := draftBeside(path)
	if err := wholefile.Create(draft, 0o600, wholefile.Bytes([]byte(hex.EncodeToString(raw)))); err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return wholefile.SyncFolder(filepath.Dir(path))
}

// draftBeside names a draft of the file at path that no other process has: two may write one slot at once.
func draftBeside(path string) string { return filepath.Join(filepath.Dir(path), ".new-"+rand.Text()) }
