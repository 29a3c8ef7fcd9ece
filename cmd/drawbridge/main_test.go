package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"drawbridge/config"
)

// TestMain puts the command on PATH as drawbridge, for scripts and for tests that want a process of its own, and sees
// that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){
		"drawbridge": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// leakless runs the tests and then looks for goroutines that outlived them.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	postgres.Stop()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// authorityFiles are the files of a local CA and its certificate for localhost, made once, since keys take long to make.
var authorityFiles = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "drawbridge-test-ca-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := &config.Config{Certificates: []config.Certificate{{LocalCA: &config.LocalCA{Names: []string{"localhost", "127.0.0.1"}}}}}
	if _, err := openCertificates(context.Background(), cfg, dir, quietLogs().Events); err != nil {
		return nil, err
	}
	return readTree(dir)
})

// withAuthority puts the made CA into a data directory, so that a bridge need not make its own.
func withAuthority(t testing.TB, dataDir string) {
	t.Helper()
	files, err := authorityFiles()
	must(t, err)
	for name, content := range files {
		path := filepath.Join(dataDir, certificates, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, content, 0o600))
	}
}

// readTree reads all the files below dir, by their path from there. Sockets are left out.
func readTree(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	return files, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
