package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the table "Who may import whom" of docs/architecture.md: package -> packages of ours.
var mayImport = map[string][]string{
	"cmd/drawbridge":             {"*"},
	"config":                     {},
	"certs":                      {},
	"internal/hello":             {},
	"inventory":                  {"internal/hello"},
	"inventory/advice":           {"inventory", "internal/hello"},
	"inventory/report":           {"inventory"},
	"inventory/journal":          {"inventory"},
	"inventory/sqlstore":         {"inventory"},
	"inventory/internal/*":       {"inventory", "internal/hello", "inventory/internal/records"},
	"internal/enrich":            {"internal/enrich/vendors"},
	"internal/passwordmemory":    {},
	"internal/postgrestest":      {}, // for tests
	"internal/enrich/vendors":    {},
	"internal/enrich/internal/*": {"internal/enrich/vendors"},
	"proxy":                      {"inventory", "internal/hello", "internal/passwordmemory"},
	"proxy/imaplogin":            {"proxy"},
	"proxy/pop3login":            {"proxy"},
	"proxy/internal/*":           {"proxy"}, // for tests
	"proxy/policy":               {"proxy", "inventory", "config"},
	"internal/oauth":             {"proxy"},
	"internal/accounts":          {"proxy", "internal/passwordmemory"},
	"internal/web":               {"inventory", "config", "internal/passwordmemory"},
	"internal/sandbox":           {},
	"config/internal/*":          {"config"},
}

// leaves are packages that anybody may import; they import nothing of ours.
var leaves = []string{"internal/secret", "internal/lru", "internal/fairqueue", "internal/source", "internal/glob",
	"internal/wholefile", "internal/passwordhash", "internal/filelock"}

// never are packages of others that some of ours must not import, so that they stay pure or streaming.
var never = map[string][]string{
	"internal/hello":  {"net", "os", "go.uber.org/zap"},
	"inventory":       {"net", "drawbridge/config"},
	"proxy":           {"database/sql", "github.com/emersion/go-imap"},
	"proxy/imaplogin": {"go.uber.org/zap"},
	"proxy/pop3login": {"go.uber.org/zap"},
	"proxy/policy":    {"net", "os"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImports_FollowTheArchitecture(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "drawbridge/")
		if slices.Contains(leaves, name) && slices.ContainsFunc(p.Imports, isOurs) {
			t.Errorf("%s is a leaf and imports %v", name, p.Imports)
		}
		allowed, known := rulesFor(name)
		if !known {
			t.Errorf("%s stands in no row of the table: give it a place in docs/architecture.md", name)
			continue
		}
		for _, i := range p.Imports {
			checkImport(t, name, i, allowed)
		}
	}
}

func isOurs(imported string) bool { return strings.HasPrefix(imported, "drawbridge/") }

func checkImport(t *testing.T, name, imported string, allowed []string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(imported, "drawbridge/"); ok {
		if !slices.Contains(allowed, "*") && !slices.Contains(allowed, ours) && !slices.Contains(leaves, ours) {
			t.Errorf("%s must not import %s", name, ours)
		}
		if ours == "cmd/drawbridge" {
			t.Errorf("%s imports the command", name)
		}
	}
	for _, n := range never[name] {
		if imported == n || strings.HasPrefix(imported, n+"/") && n != "net" {
			t.Errorf("%s must not import %s", name, imported)
		}
	}
}

func rulesFor(name string) ([]string, bool) {
	if slices.Contains(leaves, name) {
		return nil, true
	}
	for pattern, allowed := range mayImport {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if name == pattern || wild && prefix != "" && strings.HasPrefix(name, prefix) {
			return allowed, true
		}
	}
	return nil, false
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "drawbridge/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
