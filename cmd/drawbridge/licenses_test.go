package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"drawbridge/internal/licenses"
)

// TestLicenses_AreThoseOfGoMod holds the built-in licences against the modules that the go command compiles in, on each operating system.
func TestLicenses_AreThoseOfGoMod(t *testing.T) {
	modules, err := licenses.All()
	must(t, err)
	builtIn := make(map[string]bool)
	for _, m := range modules {
		builtIn[m.Path+" "+m.Version] = true
	}
	listed := map[string]bool{"Go ": true}
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", ".")
		c.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := c.Output()
		must(t, err)
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimRight(line, "\n"); line != "" {
				listed[line] = true
			}
		}
	}
	for module := range listed {
		if !builtIn[module] {
			t.Errorf("%q is compiled in and its licence is not: run go generate ./internal/licenses", module)
		}
	}
	for module := range builtIn {
		if !listed[module] {
			t.Errorf("%q has a licence built in and is not compiled in: run go generate ./internal/licenses", module)
		}
	}
}

func TestVersion_PrintsLicences(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"version", "--licenses"}, &out, &errs); code != exitDone || errs.Len() > 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	for _, want := range []string{
		"drawbridge LICENSE\n", "Apache License", "\nGo LICENSE\n", "\ngithub.com/spf13/cobra v", "\ngo.yaml.in/yaml/v3 v",
		"Redistributions of source code must retain the above copyright notice",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in what it prints", want)
		}
	}
}
