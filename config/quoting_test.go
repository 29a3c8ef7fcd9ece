package config_test

import (
	"strings"
	"testing"

	"drawbridge/config"
)

// TestParse_SaysWhichValueToQuote at its own line and column, whatever line the parser names, and never repeats it.
func TestParse_SaysWhichValueToQuote(t *testing.T) {
	entry := func(line string) string {
		return "name: x\nlisteners:\n  - name: imaps\n    protocol: imap\n    " + line + "\n    tls: implicit\n"
	}
	for text, says := range map[string]string{
		entry("address: [::1]:993"):                      "f.yaml:5:14: a value begins with [, which begins a list in YAML; put it in quotes: \"[:",
		entry("address: [::]:993   # all"):               "f.yaml:5:14: a value begins with [, which begins a list in YAML",
		entry("address: [2001:db8::1]:993"):              "f.yaml:5:14: a value begins with [",
		entry("address: [fe80::1%eth0]:993"):             "f.yaml:5:14: a value begins with [",
		entry("proxy_protocol: [::1, 10.0.0.1]"):         "f.yaml:5:22: an address begins with a colon; put it in quotes: \"::1\"",
		entry("address: *:993"):                          "f.yaml:5:14: a value begins with * or &",
		"listeners: [{name: a, address: [::1]:993}]\n":   "f.yaml:1:32: a value begins with [",
		"listeners: [{name: a, address: :993}]\n":        "f.yaml:1:32: a value begins with a character that YAML keeps for itself",
		"name: x\nadmin: {address: [::1]:8025}\n":        "f.yaml:2:18: a value begins with [",
		"name: x\r\nadmin:\r\n  address: [::1]:8025\r\n": "f.yaml:3:12: a value begins with [",

		"upstreams:\n  x:\n    auth: passthrough\n    imap: [2001:db8::1]:993\n": "f.yaml:4:11: a value begins with [",

		"accounts:\n  - login: @hunter2\n":  "f.yaml:2:12: a value begins with a character that YAML keeps for itself",
		"accounts:\n  - login: `hunter2`\n": "f.yaml:2:12: a value begins with a character",

		"accounts:\n  - login: a\n    password: %hunter2\n": "f.yaml:3:15: a value begins with a character",

		"accounts:\n  - login: *@x\n":            "f.yaml:2:12: a value begins with * or &",
		"contact: call: hunter2\n":               "f.yaml:1:10: a value holds a colon and a blank",
		"name: x\ncontact: \"it\" and hunter2\n": "f.yaml:2:10: a value goes on behind its closing quote",
		"name: x\ncontact: [it] and hunter2\n":   "f.yaml:2:10: a value begins with [",
		"name: x\ncontact: {it} and hunter2\n":   "f.yaml:2:10: a value begins with {",
		"name: x\ncontact: |hunter2\n":           "f.yaml:2:10: a value begins with a character",
		"name: x\ndata_dir: \"C:\\hunter2\"\n":   "f.yaml:2:1: a backslash in double quotes begins no known escape",
		"name: x\nadmin:\n\taddress: y\n":        "f.yaml:3:1: a tab indents this line",
		"name: x\n  drain: 2m\n":                 "f.yaml:2:3: a colon stands where none can",
		"name: x\nname: y\n":                     "f.yaml:2:1: name: the key stands here a second time",
	} {
		_, err := config.Parse("f.yaml", []byte(text), machine)
		if err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q:\n got %v,\nwant %s", text, err, says)
		}
	}
}

// TestParse_AsEditorsSaveIt is a file with a byte order mark, or in UTF-16.
func TestParse_AsEditorsSaveIt(t *testing.T) {
	for _, saved := range []string{"\ufeffname: brücke\n", utf16Of("name: brücke\r\n"), "name: brücke\r\n"} {
		c, err := config.Parse("f.yaml", []byte(saved), machine)
		if err != nil {
			t.Fatalf("%q: %v", saved, err)
		}
		equal(t, "name", c.Name, "brücke")
	}
	_, err := config.Parse("f.yaml", []byte(utf16Of("name: x\ndrane: 2m\n")), machine)
	if err == nil || !strings.Contains(err.Error(), "f.yaml:2:1: drane") {
		t.Errorf("a fault in UTF-16: %v", err)
	}
}
