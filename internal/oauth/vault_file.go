package oauth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	staged, err := stage(path, []byte(hex.EncodeToString(raw)))
	if err != nil {
		return err
	}
	defer os.Remove(staged)
	if err := os.Link(staged, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeWhole replaces the file at path, 0600, so that it is the old or the new one after a crash.
func writeWhole(path string, content []byte) error {
	staged, err := stage(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(staged, path); err != nil {
		return errors.Join(err, os.Remove(staged))
	}
	return syncDir(filepath.Dir(path))
}

// stage writes content to a new file beside path, 0600, and returns its name.
func stage(path string, content []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
