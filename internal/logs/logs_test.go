package logs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/logs"
	"drawbridge/inventory"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openTestLogs(t *testing.T, cfg config.Log) *logs.Logs {
	t.Helper()
	l, err := logs.Open(cfg)
	must(t, err)
	t.Cleanup(l.Close)
	return l
}

// TestLog_RotatesAndKeeps writes more than three files' worth; lines are never torn.
func TestLog_RotatesAndKeeps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTestLogs(t, config.Log{Level: "info", Format: "json", Output: []string{filepath.Join(dir, "bridge.log")},
		Rotate: config.Rotate{Size: 1 << 20, Keep: 2}})
	filler := strings.Repeat("x", 1000)
	for range 4200 {
		l.Events.Info("filler", zap.String("text", filler))
	}
	l.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(files) != 3 {
		t.Fatalf("the files are %v, want the log and two old ones", files)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		if len(content) > 1<<20 {
			t.Errorf("%s has %d bytes, want at most 1 MiB", filepath.Base(file), len(content))
		}
		for line := range strings.Lines(string(content)) {
			if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%s has the torn line %q", filepath.Base(file), line)
			}
		}
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, want 0600", filepath.Base(file), info.Mode())
		}
	}
}

// TestLog_RecordsDoNotHeedTheLevel writes one record and one event to two files at each level.
func TestLog_RecordsDoNotHeedTheLevel(t *testing.T) {
	t.Parallel()
	for level, wantEvent := range map[string]bool{"debug": true, "info": true, "warn": false, "error": false} {
		for _, format := range []string{"json", "console"} {
			t.Run(level+"/"+format, func(t *testing.T) {
				dir := t.TempDir()
				outputs := []string{filepath.Join(dir, "one.log"), filepath.Join(dir, "two.log")}
				l := openTestLogs(t, config.Log{Level: level, Format: format, Output: outputs, Rotate: config.Rotate{Size: 1 << 20}})
				l.Events.Info("an event")
				l.Records.Ended(&inventory.Session{Time: time.Date(2026, 11, 24, 10, 12, 3, 123e6, time.UTC), ID: "0123456789abcdef",
					Outcome: inventory.OutcomeBridged})
				l.Close()
				for _, file := range outputs {
					content, err := os.ReadFile(file)
					must(t, err)
					text := string(content)
					if !strings.Contains(text, "session") || !strings.Contains(text, "0123456789abcdef") {
						t.Errorf("%s: the record is missing: %q", filepath.Base(file), text)
					}
					if got := strings.Contains(text, "an event"); got != wantEvent {
						t.Errorf("%s: the event is written: %t, want %t", filepath.Base(file), got, wantEvent)
					}
					if !strings.Contains(text, "2026-11-24T10:12:03.123Z") {
						t.Errorf("%s: %q does not carry the record's time", filepath.Base(file), text)
					}
				}
			})
		}
	}
}

func TestLog_RefusesWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, cfg := range map[string]config.Log{
		"a folder":         {Level: "info", Format: "json", Output: []string{dir}},
		"a missing folder": {Level: "info", Format: "json", Output: []string{"stderr", filepath.Join(dir, "missing", "bridge.log")}},
		"an unknown level": {Level: "loud", Format: "json", Output: []string{"stdout"}},
	} {
		if l, err := logs.Open(cfg); err == nil {
			l.Close()
			t.Errorf("%s is taken", name)
		} else if !strings.Contains(err.Error(), "log.") {
			t.Errorf("%s: the error %q does not name the key", name, err)
		}
	}
}
