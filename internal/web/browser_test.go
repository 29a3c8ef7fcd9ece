package web_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/internal/web"
)

// TestBrowser_PlansAMorning drives the dashboard with Debian's Chromium by playwright-core (npm), with JavaScript and
// without, light and dark, on a desktop and a phone. DRAWBRIDGE_PLAYWRIGHT names the folder with node_modules, and
// DRAWBRIDGE_SCREENSHOTS where pictures are kept.
func TestBrowser_PlansAMorning(t *testing.T) { visit(t, "morning", 4*time.Minute) }

// TestBrowser_MovesTenDevices previews a move, makes it, looks at the history, and takes another one back.
func TestBrowser_MovesTenDevices(t *testing.T) { visit(t, "migration", 2*time.Minute) }

// visit drives a browser through one of the visits of testdata/browser.mjs.
func visit(t *testing.T, what string, limit time.Duration) {
	t.Helper()
	playwright, chromium := findBrowser(t)
	server := httptest.NewServer(web.New(migrating(newMemory(400))))
	defer server.Close()
	m := newMemory(20)
	m.addHostile()
	infested := httptest.NewServer(web.New(migrating(m)))
	defer infested.Close()
	shots := os.Getenv("DRAWBRIDGE_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	node := exec.CommandContext(ctx, "node", filepath.Join("testdata", "browser.mjs"))
	node.Env = append(os.Environ(), "DRAWBRIDGE_URL="+server.URL, "DRAWBRIDGE_HOSTILE_URL="+infested.URL, "DRAWBRIDGE_PASSWORD="+testPassword,
		"DRAWBRIDGE_SHOTS="+shots, "DRAWBRIDGE_VISIT="+what,
		"DRAWBRIDGE_PLAYWRIGHT="+playwright, "DRAWBRIDGE_CHROMIUM="+chromium)
	node.WaitDelay = 10 * time.Second
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("node testdata/browser.mjs: %v\n%s", err, out)
	}
}

func findBrowser(t *testing.T) (playwright, chromium string) {
	t.Helper()
	playwright = os.Getenv("DRAWBRIDGE_PLAYWRIGHT")
	if playwright == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			missing(t, "no cache folder: "+err.Error())
		}
		playwright = filepath.Join(cache, "drawbridge-test", "playwright")
	}
	if _, err := os.Stat(filepath.Join(playwright, "node_modules", "playwright-core")); err != nil {
		missing(t, "playwright-core is missing: npm install --prefix "+playwright+" playwright-core@1.65.1")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is missing: apt-get install nodejs")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium is missing: apt-get install chromium")
	}
	return playwright, chromium
}

// missing skips the test, but where a CI machine has everything it fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
