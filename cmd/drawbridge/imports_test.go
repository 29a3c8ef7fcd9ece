package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
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
	"inventory/burndown":   {"inventory", "inventory/words"},
	"inventory/report":     {"inventory", "inventory/burndown", "inventory/words"},
	"inventory/words":      {},
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
	"internal/migration": {"internal/decider", "proxy/policy", "inventory"},
	"internal/logs":      {"inventory", "config", "internal/terminal"},
	"internal/reminder":  {"config"},
	"internal/terminal":  {},
	"internal/trial":     {"config", "inventory", "internal/terminal"},
	"internal/doctor": {"proxy/imaplogin", "proxy/pop3login", "config", "proxy", "proxy/login", "internal/accounts", "internal/upstreams", "internal/oauth",
		"inventory"},
	"internal/control": {"certs", "inventory", "internal/accounts", "internal/web"},
	"internal/watch":   {"inventory"},
	"internal/notices": {"inventory", "config"},
	"internal/web":     {"inventory", "inventory/burndown", "inventory/words", "config", "internal/watch"},

	"internal/enrich":            {"internal/enrich/vendors", "inventory"},
	"internal/enrich/vendors":    {},
	"internal/enrich/internal/*": {"internal/enrich/vendors"},

	"internal/licenses":            {},
	"internal/licenses/internal/*": {"internal/licenses"},

	"internal/sandbox":      {}, // so that the bridge is judged by independent code
	"internal/postgrestest": {}, // for tests
}

// leaves are packages that anybody may import; of ours they import only one another.
var leaves = []string{"internal/secret", "internal/glob", "internal/lru", "internal/fairqueue", "internal/source", "internal/protocol",
	"internal/sheet", "internal/textfile", "internal/pemfile", "internal/private", "internal/chain",
	"internal/httpsproxy", "internal/wholefile", "internal/passwordhash", "internal/passwordmemory",
	"internal/filelock", "internal/memory", "internal/crowd", "internal/schedule"}

// never are packages of others that some of ours must not import, so that they stay pure or streaming.
var never = map[string][]string{
	"internal/hello":     {"net", "os", "go.uber.org/zap"},
	"inventory":          {"net", "drawbridge/config"},
	"proxy":              {"database/sql", "github.com/emersion/go-imap"},
	"proxy/login":        {"go.uber.org/zap", "github.com/emersion/go-imap"},
	"proxy/guard":        {"go.uber.org/zap"},
	"proxy/limits":       {"net", "os"},
	"proxy/imaplogin":    {"go.uber.org/zap"},
	"proxy/pop3login":    {"go.uber.org/zap"},
	"proxy/policy":       {"net", "os"},
	"internal/migration": {"net", "os"},
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

// TestImports_NeverRunUp holds every import against the floors of docs/architecture.md. A package inside another one stands on
// that one's floor.
func TestImports_NeverRunUp(t *testing.T) {
	floors := floorsOf(t)
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "drawbridge/")
		own, parent, known := floorOf(floors, name)
		if !known {
			t.Errorf("%s stands on no floor of docs/architecture.md", name)
		}
		for _, i := range p.Imports {
			imported, ours := strings.CutPrefix(i, "drawbridge/")
			floor, above, _ := floorOf(floors, imported)
			if ours && floor >= own && above != parent && !(slices.Contains(leaves, imported) && slices.Contains(leaves, name)) {
				t.Errorf("%s on floor %d imports %s on floor %d", name, own, imported, floor)
			}
		}
	}
}

// floorsOf reads the table "Who may import whom".
func floorsOf(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("../../docs/architecture.md")
	must(t, err)
	floors := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		floor, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			continue
		}
		for i, word := range strings.Split(cells[2], "`") {
			if i%2 == 1 {
				floors[word] = floor
			}
		}
	}
	return floors
}

// floorOf is the floor of a package, or of the one that it is inside of.
func floorOf(floors map[string]int, name string) (floor int, of string, known bool) {
	for of = name; of != "." && of != "/"; of = path.Dir(of) {
		if floor, known = floors[of]; known {
			return floor, of, true
		}
	}
	return 0, "", false
}
