package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"drawbridge/certs"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// The words that people have to read in their programs.
const (
	peerMessage = "This device retires on 1 March. Ask for model 12."
	peerContact = "IT service desk, ext. 4711"
)

// peerRules give each of the accounts a stage. The hours of %q are half a day away.
const peerRules = `
timezone: UTC
rules:
  - match: {account: warned}
    stage: warn
    message: %q
  - match: {account: [browned, dry-browned]}
    stage: brownout
    schedule: ["0:00-24:00"]
  - match: {account: outside}
    stage: brownout
    schedule: [%q]
  - match: {account: [blocked, dry-blocked]}
    stage: block
  - match: {account: dated}
    block_from: 2026-01-01
  - match: {account: dry-warned}
    stage: warn
  - match: {account: "dry-*"}
    dry_run: true
`

// peerStage is what the rules make of an account, as its sessions' records tell it.
type peerStage struct {
	account      string
	outcome      inventory.Outcome
	stage, would inventory.Stage
	rules        map[string]string // beside upstream
	reason       string            // a part of it
}

func peerStages() []peerStage {
	const served, refused = inventory.OutcomeBridged, inventory.OutcomeRefused
	return []peerStage{
		{"warned", served, inventory.StageWarn, "", map[string]string{"stage": "rules[0]", "message": "rules[0]"}, ""},
		{"browned", refused, inventory.StageBrownout, "", map[string]string{"stage": "rules[1]", "schedule": "rules[1]"},
			"a brownout refuses the device for a while (schedule of rules[1]: 0:00-24:00)"},
		{"outside", served, inventory.StageBridge, "", map[string]string{"stage": "rules[2]", "schedule": "rules[2]"}, ""},
		{"blocked", refused, inventory.StageBlock, "", map[string]string{"stage": "rules[3]"}, "rules[3] has stage block for the device"},
		{"dated", refused, inventory.StageBlock, "", map[string]string{"stage": "default", "block_from": "rules[4]"},
			"the device is blocked since 2026-01-01 00:00 (block_from of rules[4])"},
		{"dry-warned", served, inventory.StageBridge, inventory.StageWarn, map[string]string{"stage": "rules[5]", "dry_run": "rules[6]"}, ""},
		{"dry-browned", served, inventory.StageBridge, inventory.StageBrownout, map[string]string{"stage": "rules[1]", "schedule": "rules[1]",
			"dry_run": "rules[6]"}, ""},
		{"dry-blocked", served, inventory.StageBridge, inventory.StageBlock, map[string]string{"stage": "rules[3]", "dry_run": "rules[6]"}, ""},
	}
}

// check compares the record of a session with what the rules are to make of it.
func (p *peerStage) check(t *testing.T, r *inventory.Session) {
	t.Helper()
	if r.Outcome != p.outcome || r.Stage != p.stage || r.WouldStage != p.would || !strings.HasPrefix(r.Reason, p.reason) ||
		p.reason == "" && r.Reason != "" {
		t.Errorf("record: outcome %s, stage %q, would_stage %q, reason %q\nwant %s, %q, %q, and %q at its beginning", r.Outcome, r.Stage,
			r.WouldStage, r.Reason, p.outcome, p.stage, p.would, p.reason)
	}
	want := map[string]string{"upstream": "default"}
	maps.Copy(want, p.rules)
	if !maps.Equal(r.Rules, want) {
		t.Errorf("record: rules %v, want %v", r.Rules, want)
	}
}

// peerWorld is a bridge whose rules have a stage for each of the accounts.
func peerWorld(t *testing.T) *modernWorld {
	t.Helper()
	list := ""
	for _, p := range peerStages() {
		list += modernAccount(t, p.account, p.account+"@contoso.example", scannerCode, "")
	}
	away := time.Now().UTC().Add(12 * time.Hour).Hour()
	hours := fmt.Sprintf("%d:00-%d:00", away, away+1)
	w := newModernWorld(t, modernOptions{accounts: list, noScanner: true, contact: peerContact,
		rewrite: func(text string) string { return text + fmt.Sprintf(peerRules, peerMessage, hours) }})
	for _, p := range peerStages() {
		w.openMailbox(p.account + "@contoso.example")
	}
	return w
}

// caOfBridge is a file with the certificate of the bridge's authority.
func (w *world) caOfBridge() string {
	w.t.Helper()
	ca, err := certs.OpenCA(filepath.Join(w.dataDir(), certificates))
	must(w.t, err)
	file := filepath.Join(w.dir, "bridge-ca.pem")
	must(w.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw}), 0o600))
	return file
}

// shown is the end of a program, and what it showed.
type shown struct {
	code  int
	words []string // each of them is shown
}

// peer is a mail program that people have, and what it shows where.
type peer struct {
	program, from string // from: Debian package
	protocol      sandbox.Protocol
	served        string // what it shows of its mail where it is served
	warned        shown
	browned       shown // it is to be served later
	blocked       shown
}

func peers() []peer {
	const (
		later = "Service unavailable, please wait a few minutes and try again"
		never = "This device may no longer read mail here. " + peerContact
	)
	return []peer{
		{"fetchmail", "fetchmail", sandbox.POP3, "Subject: message 1",
			shown{0, []string{"+OK Mailbox open. " + peerMessage}},
			shown{9, []string{"[SYS/TEMP] " + later, "lock busy on server"}}, // LOCKBUSY: it comes again
			shown{3, []string{"[SYS/PERM] " + never, "Authorization failure"}}},
		{"fetchmail", "fetchmail", sandbox.IMAP, "Subject: message 1",
			shown{0, []string{"OK [ALERT] " + peerMessage}},
			shown{3, []string{"NO [UNAVAILABLE] " + later}}, // in IMAP it calls every NO an authorization failure, whatever the code
			shown{3, []string{"NO [CONTACTADMIN] " + never}}},
		{"mpop", "mpop", sandbox.POP3, "Subject: message 1",
			shown{0, []string{"+OK Mailbox open. " + peerMessage}},
			shown{77, []string{"POP3 server message: -ERR [SYS/TEMP] " + later}}, // it has one code for every refusal
			shown{77, []string{"POP3 server message: -ERR [SYS/PERM] " + never}}},
		{"mbsync", "isync", sandbox.IMAP, "Subject: message 1",
			shown{0, []string{"*** IMAP ALERT *** " + peerMessage}},
			shown{1, []string{"NO [UNAVAILABLE] " + later}},
			shown{1, []string{"NO [CONTACTADMIN] " + never}}},
		{"neomutt", "neomutt", sandbox.IMAP, "message 1",
			shown{0, []string{"OK [ALERT] " + peerMessage}}, // heard, and not on its screen
			shown{0, []string{"IMAP command failed: a0000 NO [UNAVAILABLE] " + later}},
			shown{0, []string{"IMAP command failed: a0000 NO [CONTACTADMIN] " + never}}},
	}
}

// shows is what the program shows for an account.
func (p *peer) shows(account string) shown {
	switch account {
	case "warned":
		return shown{p.warned.code, append([]string{p.served}, p.warned.words...)}
	case "browned":
		return p.browned
	case "blocked", "dated":
		return p.blocked
	}
	return shown{0, []string{p.served}}
}

// TestPeers_ShowTheStage lets the programs of people come at every stage: they show its words, nobody is told of a wrong password, and
// a dry run shows nothing.
func TestPeers_ShowTheStage(t *testing.T) {
	t.Parallel()
	w := peerWorld(t)
	for _, p := range peers() {
		for _, stage := range peerStages() {
			t.Run(fmt.Sprintf("%s/%s/%s", p.program, p.protocol, stage.account), func(t *testing.T) {
				needPeer(t, p)
				code, said, record := w.plays(t, p, stage.account)
				stage.check(t, record)
				want := p.shows(stage.account)
				if code != want.code || !containsAll(said, want.words) {
					t.Errorf("exit %d, want %d and %q in:\n%s", code, want.code, want.words, said)
				}
				if strings.Contains(said, "Wrong name or password") {
					t.Errorf("it is told of a wrong password:\n%s", said)
				}
				if strings.HasPrefix(stage.account, "dry-") && containsAny(said, "ALERT", "outdated encryption", "unavailable", peerContact) {
					t.Errorf("the dry run is not silent:\n%s", said)
				}
			})
		}
	}
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// plays lets a program fetch the mail of an account, and returns its exit code, what it showed, and the record of its session.
func (w *modernWorld) plays(t *testing.T, p peer, account string) (code int, said string, record *inventory.Session) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "devices", p.program+".sh"))
	must(t, err)
	_, port, _ := strings.Cut(w.address(p.protocol, false), ":")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "PROTOCOL="+string(p.protocol), "MODE=implicit", "PORT="+port, "CA="+w.caOfBridge(),
		"LOGIN="+account, "PASSWORD="+scannerCode, "TLS=1.0", "SHOW_DIALOG=yes")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	before := w.records.count(account)
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatalf("run %s: %v", script, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), w.records.wait(t, account, before+1)
}

// needPeer skips the test where the program is missing, but not in CI, which has to bring it.
func needPeer(t *testing.T, p peer) {
	t.Helper()
	if _, err := exec.LookPath(p.program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, install the Debian package %s", p.program, p.from)
	}
	t.Skipf("%s is missing, install the Debian package %s", p.program, p.from)
}
