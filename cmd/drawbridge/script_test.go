package main

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line as people and scripts see it. The addresses $A1 to $A6 are free loopback ones;
// $IN60DAYS, $IN99DAYS and $IN100DAYS are dates so far ahead, of rules that must not hold yet.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for i := range 6 {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				defer func() { _ = l.Close() }() // when all are chosen, so that they differ
				env.Setenv("A"+strconv.Itoa(i+1), l.Addr().String())
			}
			for _, days := range []int{60, 99, 100} {
				env.Setenv("IN"+strconv.Itoa(days)+"DAYS", time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    scriptExits,
			"expand":   scriptExpand,
			"fetch":    scriptFetch,
			"knock":    scriptKnock,
			"mode":     scriptMode,
			"occupy":   scriptOccupy,
			"sentence": scriptSentence,
			"signal":   scriptSignal,
			"await":    scriptAwait,
		},
	})
}

// scriptExits runs drawbridge and wants an exit code: exits CODE ARGUMENT...
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	if err := ts.Exec("drawbridge", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run drawbridge: %v", err)
		}
		code = exit.ExitCode()
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("drawbridge %s: exit %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// scriptSentence wants one line on standard error that begins with the command's name: sentence [PATTERN]
func scriptSentence(ts *testscript.TestScript, _ bool, args []string) {
	said := ts.ReadFile("stderr")
	if !strings.HasPrefix(said, "drawbridge: ") || strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n") {
		ts.Fatalf("standard error is %q, want one sentence of drawbridge", said)
	}
	if len(args) > 0 && !regexp.MustCompile(args[0]).MatchString(said) {
		ts.Fatalf("standard error is %q, want %q in it", said, args[0])
	}
}

// scriptExpand fills the variables into a file of the script: expand FILE
func scriptExpand(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// scriptMode wants a file's type and permissions, as ls writes them: mode WANT FILE
func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[0] {
		ts.Fatalf("%s has the mode %s, want %s", args[1], got, args[0])
	}
}

// scriptFetch asks an HTTP server and puts its answer where stdout is looked for: fetch STATUS ADDRESS PATH [HOST]
func scriptFetch(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(http.MethodGet, "http://"+args[1]+args[2], nil)
	ts.Check(err)
	if len(args) > 3 {
		req.Host = args[3]
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, _ = ts.Stdout().Write(body)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("%s says %s, want %s", args[2], resp.Status, args[0])
	}
}

// scriptKnock speaks in plain text to a port with TLS and reads to the end: knock ADDRESS
func scriptKnock(ts *testscript.TestScript, _ bool, args []string) {
	c, err := net.DialTimeout("tcp", args[0], patience)
	ts.Check(err)
	defer func() { _ = c.Close() }()
	ts.Check(c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, "a CAPABILITY\r\n")
	ts.Check(err)
	heard, err := io.ReadAll(c)
	ts.Check(err)
	_, _ = ts.Stdout().Write(heard)
}

// scriptSignal sends a signal to what runs in the background: signal TERM
func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	s, ok := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[0]]
	if !ok {
		ts.Fatalf("signal %s is not known here", args[0])
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(s))
	}
}

// scriptOccupy listens on an address until the script ends; negated, it wants the address to be free: [!] occupy ADDRESS
func scriptOccupy(ts *testscript.TestScript, negated bool, args []string) {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		ts.Fatalf("%s is not free: %v", args[0], err)
	}
	if negated {
		ts.Check(l.Close())
		return
	}
	ts.Defer(func() { _ = l.Close() })
}

// scriptAwait waits until the bridge of a configuration is ready, or until a file has a line: await ready CONFIG, await FILE PATTERN
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	holds := func() bool { return ts.Exec("drawbridge", "healthcheck", "--config", args[1]) == nil }
	if args[0] != "ready" {
		pattern := regexp.MustCompile("(?m)" + args[1])
		holds = func() bool {
			content, err := os.ReadFile(ts.MkAbs(args[0]))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				ts.Fatalf("%v", err)
			}
			return pattern.Match(content)
		}
	}
	deadline := time.After(patience)
	for tick := time.Tick(20 * time.Millisecond); !holds(); {
		select {
		case <-tick:
		case <-deadline:
			ts.Fatalf("waited %v in vain: await %s", patience, strings.Join(args, " "))
		}
	}
}
