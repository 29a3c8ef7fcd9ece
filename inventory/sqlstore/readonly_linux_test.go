package sqlstore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"drawbridge/inventory/sqlstore"
)

// TestReadOnlyFile runs itself as nobody where it is run by root, who may write any file.
func TestReadOnlyFile(t *testing.T) {
	if os.Getuid() == 0 {
		const nobody = 65534
		c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$") // by its own path it may be out of nobody's reach
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("as nobody: %v\n%s", err, out)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "inventory.db")
	if err := os.WriteFile(path, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := sqlstore.Open(t.Context(), sqlstore.Options{SQLite: path})
	if err == nil || !strings.Contains(err.Error(), "must be able to write") {
		t.Error(err)
	}
}
