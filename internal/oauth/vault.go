package oauth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"drawbridge/internal/private"
	"drawbridge/internal/wholefile"
)

// vaultMagic begins every file of a vault; then follow the key's id, the nonce and the sealed content.
const (
	vaultMagic  = "drawbridge token 1\n"
	keyIDLength = 8
	minSecret   = 32        // bytes of the secret
	maxContent  = 256 << 10 // bytes of one slot
)

// ErrWrongKey says that a file of a vault was sealed with another key.
var ErrWrongKey = errors.New("it was encrypted with another token_key, configure that one again")

// Vault keeps refresh tokens as files that are of no use without a key: AES-256-GCM, one file a slot, bound to the
// slot's name. It is safe for concurrent use; of two processes the one that writes last wins.
type Vault struct {
	dir   string
	aead  cipher.AEAD
	keyID []byte

	mu sync.Mutex
}

// OpenVault opens the vault in the folder tokens of dataDir, and makes it where there is none. The key is derived from
// secret, of 32 bytes or more (HKDF, RFC 5869); without a secret a key is made beside that folder, in token.key, so that
// a copy of the folder alone tells nothing.
func OpenVault(dataDir string, secret []byte) (*Vault, error) {
	dir := filepath.Join(dataDir, "tokens")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of refresh tokens: %w", err)
	}
	if len(secret) == 0 {
		var err error
		if secret, err = ownSecret(filepath.Join(dataDir, "token.key")); err != nil {
			return nil, err
		}
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("token_key has %d bytes, give at least %d random ones (openssl rand -hex 32)", len(secret), minSecret)
	}
	v := &Vault{dir: dir}
	if err := v.derive(secret); err != nil {
		return nil, fmt.Errorf("derive the key of refresh tokens: %w", err)
	}
	return v, nil
}

func (v *Vault) derive(secret []byte) error {
	key, err := hkdf.Key(sha256.New, secret, nil, "drawbridge refresh tokens", 32)
	if err != nil {
		return err
	}
	if v.keyID, err = hkdf.Key(sha256.New, secret, nil, "drawbridge refresh tokens: key id", keyIDLength); err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	v.aead, err = cipher.NewGCMWithRandomNonce(block)
	return err
}

// Get returns what slot holds, nil where it holds nothing. The error is ErrWrongKey where the key is not the one that
// it was sealed with.
func (v *Vault) Get(slot string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.get(slot)
}

// Put seals content into slot. After a crash the slot holds the old or the new content.
func (v *Vault) Put(slot string, content []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.put(slot, content)
}

// swap puts content into slot, or empties it where content is nil, if the slot holds old; it reports whether it did.
func (v *Vault) swap(slot string, old, content []byte) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	held, err := v.get(slot)
	if err != nil || !bytes.Equal(held, old) {
		return false, err
	}
	if content != nil {
		return true, v.put(slot, content)
	}
	if err := os.Remove(v.path(slot)); err != nil {
		return false, fmt.Errorf("remove a refresh token: %w", err)
	}
	return true, nil
}

func (v *Vault) get(slot string) ([]byte, error) {
	raw, err := os.ReadFile(v.path(slot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a refresh token: %w", err)
	}
	rest, ok := bytes.CutPrefix(raw, []byte(vaultMagic))
	if !ok || len(rest) < keyIDLength || len(rest) > maxContent {
		return nil, fmt.Errorf("%s is not a file of refresh tokens", v.path(slot))
	}
	if !bytes.Equal(rest[:keyIDLength], v.keyID) {
		return nil, fmt.Errorf("%s: %w", v.path(slot), ErrWrongKey)
	}
	content, err := v.aead.Open(nil, nil, rest[keyIDLength:], v.bound(slot))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged", v.path(slot))
	}
	return content, nil
}

func (v *Vault) put(slot string, content []byte) error {
	sealed := append([]byte(vaultMagic), v.keyID...)
	sealed = append(sealed, v.aead.Seal(nil, nil, content, v.bound(slot))...)
	path := v.path(slot)
	if err := wholefile.WriteBy(draftBeside(path), path, 0o600, wholefile.Bytes(sealed)); err != nil {
		return fmt.Errorf("write a refresh token: %w", err)
	}
	return nil
}

// bound ties the sealed content to its slot, so that files cannot be exchanged for each other.
func (v *Vault) bound(slot string) []byte { return []byte(vaultMagic + slot) }

// path names the file of a slot; a mailbox's name need not be fit for a file's.
func (v *Vault) path(slot string) string {
	sum := sha256.Sum256([]byte(slot))
	return filepath.Join(v.dir, hex.EncodeToString(sum[:16])+".token")
}

// ownSecret reads the secret in path, and makes one where there is none. Of two processes that make one at once both
// get the same.
func ownSecret(path string) ([]byte, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(path); err != nil {
			return nil, fmt.Errorf("make a key for refresh tokens: %w", err)
		}
	}
	return readSecret(path)
}

// CheckVault tells what OpenVault would refuse of the key that it finds in dataDir, and makes nothing.
func CheckVault(dataDir string) error {
	_, err := readSecret(filepath.Join(dataDir, "token.key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of refresh tokens: %w", err)
	}
	if err := private.Closed(path, info); err != nil {
		return nil, err
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
