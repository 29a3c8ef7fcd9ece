package logs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

// TestLog_AnotherProgramRotates has the file renamed, renamed with a new one in its place, removed, and cut short: lines go to
// the file that has the name, by SIGHUP (Reopen) at once, else within a second.
func TestLog_AnotherProgramRotates(t *testing.T) {
	t.Parallel()
	for name, rotate := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"renamed and made anew": func(path string) error {
			if err := os.Rename(path, path+".1"); err != nil {
				return err
			}
			return os.WriteFile(path, nil, 0o600)
		},
		"removed":   os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 0) },
	} {
		for _, told := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", told", false: ""}[told], func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "bridge.log")
				l := openTestLogs(t, config.Log{Level: "info", Format: "json", Output: []string{path}, Rotate: config.Rotate{Size: 1 << 20}})
				l.Events.Info("before")
				waitFor(t, path, "before", func() {})
				must(t, rotate(path))
				if told {
					l.Reopen()
					l.Events.Info("after")
				}
				waitFor(t, path, "after", func() {
					if !told {
						l.Events.Info("after")
					}
				})
			})
		}
	}
}

// waitFor waits until a file has a text.
func waitFor(t *testing.T, path, text string, meanwhile func()) {
	t.Helper()
	for late := time.After(time.Minute); ; {
		meanwhile()
		if content, _ := os.ReadFile(path); strings.Contains(string(content), text) {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			t.Fatalf("%q does not come to %s", text, filepath.Base(path))
		}
	}
}

// TestLog_LeavesOtherFilesAlone removes old files of its own only.
func TestLog_LeavesOtherFilesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	others := []string{"bridge-2.log", "bridge-2026-01-02T03-04-05.678.log.gz", "other-2026-01-02T03-04-05.678.log", "bridge-notes.log"}
	for _, name := range append(others, "bridge-2026-01-02T03-04-05.678.log") {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	l := openTestLogs(t, config.Log{Level: "info", Format: "json", Output: []string{filepath.Join(dir, "bridge.log")},
		Rotate: config.Rotate{Size: 1 << 20, Keep: 1}})
	for range 1100 {
		l.Events.Info(strings.Repeat("x", 1000))
	}
	l.Close()
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v, want it left alone", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != len(others)+2 {
		t.Errorf("left are %v, want the log and one old file besides the others", left)
	}
}
