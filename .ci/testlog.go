// Command testlog reads what go test -json writes and prints what go test prints without it; then, in one line, how many tests were
// skipped, and why.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is a line of go test -json (go doc test2json); of a build it has no package.
type event struct{ Action, Package, Test, Output string }

// test is what one test said, or a package outside its tests, where it has no name.
type test struct {
	name string
	said string
	over bool // it passed or was skipped
}

func main() {
	packages, skipped := map[string][]*test{}, []string{}
	for in := bufio.NewReader(os.Stdin); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			fmt.Print(line)
			continue
		}
		if e.Package == "" {
			fmt.Print(e.Output)
			continue
		}
		t := find(packages, e)
		switch {
		case e.Action == "output":
			t.said += e.Output
		case e.Test != "" && e.Action == "skip":
			skipped = append(skipped, fmt.Sprintf("%s of %s (%s)", e.Test, e.Package, why(t.said)))
			fallthrough
		case e.Test != "" && e.Action == "pass":
			t.said, t.over = "", true
		case e.Test == "" && (e.Action == "pass" || e.Action == "skip" || e.Action == "fail"):
			end(packages[e.Package], e.Action)
			delete(packages, e.Package)
		}
	}
	fmt.Println(strings.TrimSuffix(fmt.Sprintf("tests skipped: %d: %s", len(skipped), strings.Join(skipped, "; ")), ": "))
}

func find(packages map[string][]*test, e event) *test {
	for _, t := range packages[e.Package] {
		if t.name == e.Test {
			return t
		}
	}
	t := &test{name: e.Test}
	packages[e.Package] = append(packages[e.Package], t)
	return t
}

// why is what a skipped test said, without the lines that say only that it ran.
func why(said string) string {
	var words []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// end prints the closing line of a package; where one failed, first what its tests said that did not pass.
func end(tests []*test, how string) {
	var closing string
	for _, t := range tests {
		switch {
		case t.name == "":
			closing = t.said
		case how == "fail" && !t.over:
			fmt.Print(t.said)
		}
	}
	for line := range strings.Lines(closing) {
		if how == "fail" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") {
			fmt.Print(line)
		}
	}
}
