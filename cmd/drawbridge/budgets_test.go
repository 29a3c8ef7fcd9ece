package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// budget is a row of the section Budgets of docs/architecture.md.
type budget struct {
	what   string
	bounds []string    // as the file has them
	file   string      // from the root of the repository
	tests  [][2]string // package and name
}

// TestBudgets_AreThoseOfTheCode holds the page against the code: each bound stands where it says with that value, and each test exists.
func TestBudgets_AreThoseOfTheCode(t *testing.T) {
	for _, b := range budgetsOf(t) {
		text := flat(readFile(t, b.file))
		for _, bound := range b.bounds {
			end := regexp.MustCompile(regexp.QuoteMeta(flat(bound)) + `([^\w.]|$)`)
			if !end.MatchString(text) {
				t.Errorf("%s: %s does not have %s", b.what, b.file, bound)
			}
		}
		for _, test := range b.tests {
			if !hasTest(t, test[0], test[1]) {
				t.Errorf("%s: %s has no %s", b.what, test[0], test[1])
			}
		}
		if len(b.bounds) == 0 || len(b.tests) == 0 {
			t.Errorf("%s: has no bound or no test", b.what)
		}
	}
}

// boundOfCode is a constant that says by its name that it is one.
var boundOfCode = regexp.MustCompile(`(?m)^\s*(?:const )?([mM]ax[A-Z]\w*)(?: int64| int)? += [^=]`)

// owners are files whose bounds only the owner of the bridge can spend, by what he gives a command to read.
var owners = []string{"config/", "inventory/journal/", "inventory/report/", "inventory/advice/", "inventory/devices.go", "inventory/lines.go",
	"inventory/sqlstore/", "inventory/ledger/", "internal/enrich/vendors/", "internal/licenses/", "internal/accounts/", "internal/sandbox/",
	"internal/trial/", "internal/doctor/", "internal/terminal/", "internal/control/", "internal/oauth/vault.go", "certs/leaf.go", "certs/run.go",
	"cmd/drawbridge/"}

// TestBudgets_NameEveryBound finds the bounds of the code that no row names, where others than the owner can reach them.
func TestBudgets_NameEveryBound(t *testing.T) {
	named := make(map[string]bool)
	for _, b := range budgetsOf(t) {
		for _, bound := range b.bounds {
			name, _, _ := strings.Cut(bound, " ")
			named[b.file+" "+name] = true
		}
	}
	must(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		file := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") ||
			slices.ContainsFunc(owners, func(o string) bool { return strings.HasPrefix(file, o) }) {
			return err
		}
		for _, found := range boundOfCode.FindAllStringSubmatch(readFile(t, file), -1) {
			if !named[file+" "+found[1]] {
				t.Errorf("%s has %s, which stands in no row of Budgets in docs/architecture.md", file, found[1])
			}
		}
		return nil
	}))
}

// budgetsOf reads the tables of the section.
func budgetsOf(t *testing.T) (all []budget) {
	t.Helper()
	_, section, _ := strings.Cut(readFile(t, "docs/architecture.md"), "\n## Budgets\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || len(asCode(cells[3])) != 1 {
			continue
		}
		b := budget{what: strings.TrimSpace(cells[1]), bounds: asCode(cells[2]), file: asCode(cells[3])[0]}
		in := ""
		for _, word := range asCode(cells[5]) {
			if !strings.HasPrefix(word, "Test") {
				in = word
				continue
			}
			b.tests = append(b.tests, [2]string{in, word})
		}
		all = append(all, b)
	}
	if len(all) < 50 {
		t.Fatalf("the section Budgets has %d rows", len(all))
	}
	return all
}

// asCode are the words of a cell that stand as code.
func asCode(cell string) (words []string) {
	for i, word := range strings.Split(cell, "`") {
		if i%2 == 1 {
			words = append(words, word)
		}
	}
	return words
}

// flat is text with one blank where there are several.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(file)))
	must(t, err)
	return string(text)
}

func hasTest(t *testing.T, in, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(in), "*_test.go"))
	must(t, err)
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		must(t, err)
		return strings.Contains(string(text), "func "+name+"(")
	})
}
