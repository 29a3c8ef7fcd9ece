//go:build unix

package private_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/internal/private"
)

const stranger = 12345

// asRoot skips a test where files cannot be given away; where CI=true that is a failure.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("only root can give files away: run these tests as root")
	}
	t.Skip("only root can give files away: run these tests as root")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file makes a file, or with a mode above 0o1000 a folder, of exactly that mode.
func file(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	if mode.IsDir() {
		must(t, os.Mkdir(path, 0o700))
	} else {
		must(t, os.WriteFile(path, []byte("x"), 0o600))
	}
	must(t, os.Chmod(path, mode.Perm()))
	return path
}

func TestClosed(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name string
		mode os.FileMode
		says string
	}{
		{"closed", 0o600, ""}, {"read only", 0o400, ""}, {"of a group", 0o640, ""}, {"of a group that writes", 0o660, ""},
		{"with the right to run", 0o711, ""},
		{"open to all", 0o644, "can be read by everybody"}, {"wide open", 0o666, "can be read by everybody"},
		{"it's writable", 0o602, `can be changed by everybody on this machine; run: chmod o-rwx '` + dir + `/it'\''s writable'`},
		{"folder", os.ModeDir | 0o755, "can be read by everybody"}, {"closed folder", os.ModeDir | 0o2770, ""},
	} {
		err := private.ClosedFile(file(t, filepath.Join(dir, test.name), test.mode))
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.says)
		}
	}
	must(t, os.Symlink(filepath.Join(dir, "open to all"), filepath.Join(dir, "link")))
	if private.ClosedFile(filepath.Join(dir, "link")) == nil {
		t.Error("a link to an open file was taken for closed")
	}
}

func TestFolder(t *testing.T) {
	asRoot(t)
	dir := t.TempDir()
	theirs := file(t, filepath.Join(dir, "theirs"), os.ModeDir|0o755)
	must(t, os.Chown(theirs, stranger, stranger))
	shared := file(t, filepath.Join(dir, "shared"), os.ModeDir|0o770) // the root of a volume with fsGroup, seen from its group
	must(t, os.Chown(shared, stranger, os.Getegid()))
	ours := file(t, filepath.Join(dir, "ours"), os.ModeDir|0o755)
	link, trap := filepath.Join(dir, "link"), filepath.Join(dir, "trap")
	must(t, os.Symlink(ours, link))
	must(t, os.Symlink(ours, trap))
	must(t, os.Lchown(trap, stranger, stranger))
	for path, says := range map[string]string{ours: "", link: "", theirs: "name a folder of its own",
		shared: "name a folder inside it, which is made when it is missing: " + shared + "/drawbridge", trap: "belongs to the user 12345"} {
		err := private.Folder(path, os.Geteuid())
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", path, err, says)
		}
	}
	if err := private.Folder(filepath.Join(dir, "none"), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestTree_FindsWhatIsNotOurs(t *testing.T) {
	asRoot(t)
	for name, plant := range map[string]func(t *testing.T, dir string) string{
		"a file": func(t *testing.T, dir string) string {
			return file(t, filepath.Join(dir, "accounts", "accounts.json"), 0o600)
		},
		"a folder": func(t *testing.T, dir string) string {
			return file(t, filepath.Join(dir, "tokens"), os.ModeDir|0o700)
		},
		"a link": func(t *testing.T, dir string) string {
			must(t, os.Symlink(dir, filepath.Join(dir, "journal")))
			return filepath.Join(dir, "journal")
		},
		"lost+found in a folder": func(t *testing.T, dir string) string {
			return file(t, filepath.Join(dir, "accounts", "lost+found"), os.ModeDir|0o700)
		},
		"a file of the name lost+found": func(t *testing.T, dir string) string { return file(t, filepath.Join(dir, "lost+found"), 0o600) },
	} {
		dir := t.TempDir()
		file(t, filepath.Join(dir, "accounts"), os.ModeDir|0o700)
		planted := plant(t, dir)
		must(t, private.Tree(dir, 0, nil))
		must(t, os.Lchown(planted, stranger, stranger))
		var other *private.NotOwner
		err := private.Tree(dir, 0, nil)
		if !errors.As(err, &other) || other.Owner != stranger || other.Path != planted || !strings.Contains(err.Error(), "chown -h 0") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestTree_LooksAtWhereLinksLead, and walks no further: what lies behind a link is not the folder's own.
func TestTree_LooksAtWhereLinksLead(t *testing.T) {
	asRoot(t)
	dir, far := t.TempDir(), t.TempDir()
	must(t, os.Symlink(far, filepath.Join(dir, "journal")))
	must(t, os.Symlink("gone", filepath.Join(dir, "dangling")))
	beyond := file(t, filepath.Join(far, "beyond"), 0o660)
	must(t, private.Tree(dir, 0, private.CloseToGroup))
	if info, _ := os.Stat(beyond); info.Mode().Perm() != 0o660 {
		t.Errorf("behind a link the mode became %v", info.Mode())
	}
	must(t, os.Chmod(far, 0o777))
	if err := private.Tree(dir, 0, nil); err == nil || !strings.Contains(err.Error(), "can be changed by everybody") {
		t.Errorf("a link to a folder of everybody: %v", err)
	}
	must(t, os.Chmod(far, 0o700))
	must(t, os.Chown(far, stranger, stranger))
	if err := private.Tree(dir, 0, nil); err == nil || !strings.Contains(err.Error(), "belongs to") {
		t.Errorf("a link to a stranger's folder: %v", err)
	}
	lost := t.TempDir()
	file(t, filepath.Join(lost, "lost+found"), os.ModeDir|0o700)
	must(t, os.Chown(filepath.Join(lost, "lost+found"), stranger, stranger))
	must(t, private.Tree(lost, 0, nil))
}

// TestCloseToGroup_AfterKubernetes is what `chmod -R g+rwX` and a folder without its x leave.
func TestCloseToGroup_AfterKubernetes(t *testing.T) {
	dir := t.TempDir()
	folder := file(t, filepath.Join(dir, "tokens"), os.ModeDir|0o670) // not even ours to enter
	want := map[string]os.FileMode{dir: 0o700, folder: 0o700}
	for name, mode := range map[string][2]os.FileMode{"token.key": {0o660, 0o600}, "read only": {0o440, 0o400}, "open": {0o664, 0o604}} {
		want[file(t, filepath.Join(dir, name), mode[0])] = mode[1]
	}
	must(t, os.Chmod(dir, 0o2770))
	must(t, private.Tree(dir, os.Geteuid(), private.CloseToGroup))
	for path, mode := range want {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: got %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
}
