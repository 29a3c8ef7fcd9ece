package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/internal/doctor"
	"drawbridge/internal/sandbox"
)

// doctored is a world with accounts for two mailboxes, and its configuration as a file.
func doctored(t *testing.T) (w *modernWorld, file string) {
	t.Helper()
	o := modernOptions{personality: sandbox.TCPProxy, accounts: modernAccount(t, scannerLogin, scannerMailbox, scannerCode, "") +
		modernAccount(t, "fax1", "fax@contoso.example", "2026", "")}
	w = newModernWorld(t, o)
	w.openMailbox("fax@contoso.example")
	file = filepath.Join(w.dir, "drawbridge.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "data_dir: %s\n%s%s", w.dataDir(), bridgeConfig, w.text(o)), 0o600))
	return w, file
}

// doctorRun runs drawbridge doctor and sees that nothing of a secret is in what it prints.
func doctorRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"doctor"}, args...), &out, &errs)
	for _, secret := range []string{sandbox.ModernTenant().Applications[0].Secret, "$argon2id$", "eyJ", "Bearer"} {
		if strings.Contains(out.String()+errs.String(), secret) {
			t.Errorf("the output shows %q", secret)
		}
	}
	return code, out.String(), errs.String()
}

func TestDoctor_ExitsByWhatItFound(t *testing.T) {
	t.Parallel()
	w, file := doctored(t)
	code, stdout, stderr := doctorRun(t, "--config", file)
	if code != exitDone || !strings.HasSuffix(stdout, "All is well.\n") || stderr != "" {
		t.Errorf("exit %d, want 0:\n%s%s", code, stdout, stderr)
	}
	w.exchange.RemoveMailboxPermission(scannerMailbox, sandbox.ModernTenant().Applications[0].ObjectID)
	code, stdout, _ = doctorRun(t, "--config", file, "--json")
	var d doctor.Diagnosis
	must(t, json.Unmarshal([]byte(stdout), &d))
	if code != exitFailed || d.Healthy {
		t.Errorf("exit %d, healthy %t, want 1 and false", code, d.Healthy)
	}
	code, stdout, stderr = doctorRun(t, "--config", file)
	if code != exitFailed || !strings.HasSuffix(stdout, "2 checks failed. Mend the first one, then run this again.\n") || stderr != "" {
		t.Errorf("exit %d, want 1:\n%s%s", code, stdout, stderr)
	}
}

func TestDoctor_AccountChoosesOneMailbox(t *testing.T) {
	t.Parallel()
	_, file := doctored(t)
	for _, name := range []string{"FAX1", "fax@contoso.example"} {
		code, stdout, stderr := doctorRun(t, "--config", file, "--account", name)
		if code != exitDone || !strings.Contains(stdout, "mailbox fax@contoso.example") || strings.Contains(stdout, scannerMailbox) {
			t.Errorf("--account %s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
	code, _, stderr := doctorRun(t, "--config", file, "--account", "nobody")
	if code != exitFailed || !strings.Contains(stderr, "no account has the name or mailbox 'nobody'") {
		t.Errorf("an unknown account: exit %d, %q", code, stderr)
	}
}

func TestDoctor_ScriptConnectsToNothing(t *testing.T) {
	t.Parallel()
	w, file := doctored(t)
	code, stdout, stderr := doctorRun(t, "--config", file, "--script")
	if code != exitDone || !strings.Contains(stdout, "'fax@contoso.example'\n") || !strings.Contains(stdout, "'"+scannerMailbox+"'\n") {
		t.Errorf("exit %d, want 0 and both mailboxes:\n%s%s", code, stdout, stderr)
	}
	if n := w.exchange.Log().Count(sandbox.Accepted) + w.entra.Log().Tokens(); n != 0 {
		t.Errorf("a script made %d connections, want none", n)
	}
}

func TestDoctor_RefusesScriptWithJSON(t *testing.T) {
	t.Parallel()
	if code, _, stderr := doctorRun(t, "--script", "--json"); code != exitUsage {
		t.Errorf("exit %d, want 2: %s", code, stderr)
	}
}
