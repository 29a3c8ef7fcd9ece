package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// machine is the environment of all tests: no variables, no files of the machine that runs them.
var machine = config.Environment{Hostname: "bridge-1", Timezone: "Europe/Vienna", Now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, golden)); got != want {
		t.Errorf("%s:\ngot:\n%swant:\n%s", golden, got, want)
	}
}

func TestParse_BrokenFilesTellExactlyWhatIsWrong(t *testing.T) {
	files := glob(t, "testdata/bad-*.yaml")
	if len(files) < 25 {
		t.Errorf("%d broken files, want 25 at least", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := config.Parse(filepath.ToSlash(file), read(t, file), machine)
			var faults config.Faults
			if c != nil || !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("Parse = %v, %v, want no configuration and faults", c, err)
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
			for _, f := range faults {
				if f.Mend == "" {
					t.Errorf("%s: says not what to write", f)
				}
			}
		})
	}
}

func TestParse_Warnings(t *testing.T) {
	for _, golden := range glob(t, "testdata/good-*.txt") {
		file := strings.TrimSuffix(golden, ".txt") + ".yaml"
		c, err := config.Parse(filepath.ToSlash(file), read(t, file), machine)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, golden, strings.Join(c.Warnings, "\n")+"\n")
	}
}
