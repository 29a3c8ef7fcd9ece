package journal

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// runSelf runs the named test in a process of its own with env.
func runSelf(t *testing.T, name string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// runUntilKilled runs the named test in a process of its own with env, kills it when it said "admitted n" for the
// lines-th time, and returns the last n that it said.
func runUntilKilled(t *testing.T, name string, lines int, env ...string) (last int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		if n == lines {
			_ = cmd.Process.Kill()
		}
		if rest, ok := strings.CutPrefix(scanner.Text(), "admitted "); ok {
			last, _ = strconv.Atoi(rest)
		}
	}
	_ = cmd.Wait() // it was killed
	if last < lines-10 {
		t.Fatalf("the process ended after %d sessions", last)
	}
	return last
}
