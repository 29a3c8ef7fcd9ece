package accounts

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// configparser prints the sections of a file as email-oauth2-proxy's own parser reads them, or null where it refuses.
const configparser = `
import configparser, json, sys
p = configparser.ConfigParser(interpolation=None)
try:
    p.read_string(sys.stdin.buffer.read().decode("utf-8"))
    print(json.dumps([[s, dict(p[s])] for s in p.sections()]))
except configparser.Error:
    print("null")
`

// TestParseINI_AsConfigparser reads what people write with Python's configparser beside ours. It needs python3.
func TestParseINI_AsConfigparser(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is missing")
		}
		t.Skip("needs python3")
	}
	texts := map[string]string{
		"deeper than the key":       "[a]\n  k = 1\n    2\n  l = 3\n [b]\nm = 4\n",
		"as deep as the key":        "[a]\n  k = 1\n  l = 2\n",
		"a section that is deeper":  "[a]\nk = 1\n  [b]\nl = 2\n",
		"deeper without a value":    "[a]\n    k = 1\n  l : 2\n      3\n",
		"comments":                  "; one\n[a]\nk = 1 ; 2\n  # not 3\n  4\n;5\nl = #6\n",
		"defaults":                  "[DEFAULT]\nk = 1\nl = 2\n[a]\nl = 3\n[b]\n",
		"defaults that come last":   "[a]\nl = 3\n[DEFAULT]\nk = 1\n",
		"header with more":          "[a] ; b\nk=1\n[c]d]\nk=2\n",
		"brackets as a key":         "[a]\n[x = 1\n",
		"keys in capitals":          "[a]\nKeY = V\n",
		"colon before equals":       "[a]\nk: v = w\nl = m: n\n",
		"empty values":              "[a]\nk =\nl =\n  x\n",
		"percent and dollar":        "[a]\nk = 50%\nl = ${x}\n",
		"tabs":                      "[a]\n\tk = 1\n\t\t2\n\tl = 3\n",
		"a line without anything":   "[a]\nk\n",
		"nothing before the equals": "[a]\n= 1\n",
		"key twice":                 "[a]\nk = 1\nK = 2\n",
		"section twice":             "[a]\n[a]\n",
		"before the first section":  "k = 1\n",
		"an empty section":          "[]\n",
	}
	for _, file := range []string{"indented.config", "default.config", "catchall.config", "emailproxy.config"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) { compareINI(t, python, text) })
	}
}

func compareINI(t *testing.T, python, text string) {
	cmd := exec.Command(python, "-c", configparser)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = in.Write([]byte(text))
		_ = in.Close()
	}()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	sections, err := parseINI(text)
	if (err != nil) != (want == nil) {
		t.Fatalf("got the fault %v, configparser reads %v", err, want)
	}
	if err != nil {
		return
	}
	got := []any{}
	for _, s := range sections {
		keys := make(map[string]any)
		for k, v := range s.keys {
			keys[k] = withoutEmptyLines(v)
		}
		got = append(got, []any{s.name, keys})
	}
	for _, s := range want.([]any) {
		keys := s.([]any)[1].(map[string]any)
		for k, v := range keys {
			keys[k] = withoutEmptyLines(v.(string))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nconfigparser %v", got, want)
	}
}

// withoutEmptyLines takes out what separates the lines of a value: none that is read here has several.
func withoutEmptyLines(value string) string { return strings.Join(strings.Fields(value), " ") }
