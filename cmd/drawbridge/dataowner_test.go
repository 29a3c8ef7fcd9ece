package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/oauth"
)

const stranger = 12345

// asRoot skips a test where files cannot be given away; where CI=true that is a failure.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skipUnlessCI(t, "only root can give files away: run this as root")
	}
}

// servedOnce is a configuration, without listeners that a device could reach, whose bridge has run once.
func servedOnce(t *testing.T) (w *world, open func() error) {
	t.Helper()
	w, c := drainWorld(t, "1s")
	cfg := w.configure(c.String(), "")
	withAuthority(t, cfg.DataDir)
	open = func() error {
		b, err := newBridge(cfg, w.logs)
		if err == nil {
			b.close()
		}
		return err
	}
	must(t, open())
	return w, open
}

// TestServe_RefusesADataDirectoryThatIsSomebodyElses, whose owner could put an account in and open any mailbox with the bridge's
// token; and likewise what somebody else has put there.
func TestServe_RefusesADataDirectoryThatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	asRoot(t)
	for name, test := range map[string]struct {
		plant func(t *testing.T, data string)
		says  string
	}{
		"the folder": {func(t *testing.T, data string) { must(t, os.Chown(data, stranger, stranger)) },
			"belongs to the user 12345, not to root (0), and its owner could put accounts into it"},
		"the root of a volume": {func(t *testing.T, data string) {
			must(t, os.Chown(data, stranger, os.Getegid()))
			must(t, os.Chmod(data, 0o2770))
		}, "/data/drawbridge"},
		"accounts/": {func(t *testing.T, data string) {
			must(t, os.Mkdir(filepath.Join(data, accountsFolder), 0o700))
			must(t, os.Chown(filepath.Join(data, accountsFolder), stranger, stranger))
		}, "could have been put there by somebody else"},
		"the accounts": {func(t *testing.T, data string) { foreign(t, filepath.Join(data, accountsFolder, "accounts.json")) },
			"accounts.json belongs to the user 12345"},
		"a token": {func(t *testing.T, data string) { foreign(t, filepath.Join(data, "tokens", "0.token")) }, "0.token belongs to"},
		"the verified logins": {func(t *testing.T, data string) { foreign(t, filepath.Join(data, verifiedFile)) },
			"verified.json belongs to"},
		"the key of the CA": {func(t *testing.T, data string) {
			must(t, os.Chown(filepath.Join(data, certificates, "ca", "ca.key"), stranger, stranger))
		}, "ca.key belongs to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, open := servedOnce(t)
			test.plant(t, w.dataDir())
			if err := open(); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func foreign(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Chown(path, stranger, stranger))
}

// TestServe_StartsAgainAfterKubernetes has changed the modes, as it does with fsGroup at each start of a pod.
func TestServe_StartsAgainAfterKubernetes(t *testing.T) {
	t.Parallel()
	w, open := servedOnce(t)
	_, err := oauth.OpenVault(w.dataDir(), nil)
	must(t, err)
	store, err := accounts.OpenStore(filepath.Join(w.dataDir(), accountsFolder))
	must(t, err)
	must(t, store.Save())
	must(t, filepath.WalkDir(w.dataDir(), func(path string, e fs.DirEntry, err error) error {
		must(t, err)
		info, err := e.Info()
		must(t, err)
		return os.Chmod(path, info.Mode().Perm()|map[bool]os.FileMode{true: os.ModeSetgid | 0o770, false: 0o660}[e.IsDir()])
	}))
	must(t, os.Mkdir(filepath.Join(w.dataDir(), "lost+found"), 0o700))
	if _, err := oauth.OpenVault(w.dataDir(), nil); err != nil {
		t.Errorf("a command before serve: %v", err)
	}
	must(t, open())
	must(t, filepath.WalkDir(w.dataDir(), func(path string, e fs.DirEntry, err error) error {
		must(t, err)
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	}))
}

// TestDataDir_FreshVolume is a folder of our own that a file system has put its own into.
func TestDataDir_FreshVolume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755)) //nolint:gosec // as mkfs and Docker leave it
	must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	d, err := openDataDir(dir)
	must(t, err)
	must(t, d.Close())
}
