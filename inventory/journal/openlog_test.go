package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drawbridge.log.1")
	if err := os.WriteFile(path, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{path: "a file", StandardInput: "piped"} {
		log, size, err := OpenLog(name, strings.NewReader("piped"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(log)
		if err != nil || string(got) != want || name == path && size != 6 || name != path && size != 0 {
			t.Errorf("%s: %q, %d, %v", name, got, size, err)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := OpenLog(path+".none", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
