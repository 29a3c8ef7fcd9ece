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
	"cmd/drawbridge": {"*"},

	"config":            {},
	"config/internal/*": {"config"},
	"certs":             {},

	"inventory":            {"internal/hello"},
	"inventory/advice":     {"inventory", "internal/hello"},
	"inventory/journal":    {"inventory"},
	"inventory/report":     {"inventory"},
	"inventory/sqlstore":   {"inventory"},
	"inventory/ledger":     {"inventory", "inventory/advice", "inventory/journal", "inventory/sqlstore"},
	"inventory/internal/*": {"inventory", "internal/hello", "inventory/internal/records"},

	"proxy/login":      {},
	"proxy/limits":     {"proxy/login"},
	"proxy/guard":      {"proxy/login"},
	"proxy/devicetls":  {"proxy/login", "proxy/limits", "inventory", "internal/hello"},
	"proxy/imaplogin":  {"proxy/login"},
	"proxy/pop3login":  {"proxy/login"},
	"proxy/policy":     {"inventory"},
	"proxy":            {"proxy/login", "proxy/limits", "proxy/devicetls", "inventory", "internal/hello"},
	"proxy/internal/*": {"proxy/login"}, // for tests

	"internal/hello":     {},
	"internal/accounts":  {"proxy/login"},
	"internal/oauth":     {"proxy/login"},
	"internal/upstreams": {"proxy", "proxy/login", "proxy/limits", "config", "internal/oauth"},
	"internal/decider": {"proxy", "proxy/login", "proxy/guard", "proxy/policy", "config", "inventory", "internal/accounts",
		"internal/upstreams", "internal/oauth"},
	"internal/logs":     {"inventory", "config"},
	"internal/reminder": {"config"},
	"internal/terminal": {},
	"internal/trial":    {"config", "inventory", "internal/terminal"},
	"internal/doctor":   {"config", "proxy", "proxy/login", "internal/accounts", "internal/upstreams", "internal/oauth", "inventory"},
	"internal/control":  {"inventory", "internal/accounts", "internal/web"},
	"internal/watch":    {"inventory"},
	"internal/web":      {"inventory", "config", "internal/watch"},

	"internal/enrich":            {"internal/enrich/vendors", "inventory"},
	"internal/enrich/vendors":    {},
	"internal/enrich/internal/*": {"internal/enrich/vendors"},

	"internal/sandbox":      {}, // so that the bridge is judged by independent code
	"internal/postgrestest": {}, // for tests
}

// leaves are packages that anybody may import; of ours they import only one another.
var leaves = []string{"internal/secret", "internal/lru", "internal/fairqueue", "internal/source", "internal/protocol", "internal/glob",
	"internal/wholefile", "internal/passwordhash", "internal/passwordmemory", "internal/filelock", "internal/memory"}

// never are packages of others that some of ours must not import, so that they stay pure or streaming.
var never = map[string][]string{
	"internal/hello":  {"net", "os", "go.uber.org/zap"},
	"inventory":       {"net", "drawbridge/config"},
	"proxy":           {"database/sql", "github.com/emersion/go-imap"},
	"proxy/login":     {"go.uber.org/zap", "github.com/emersion/go-imap"},
	"proxy/guard":     {"go.uber.org/zap"},
	"proxy/limits":    {"net", "os"},
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
