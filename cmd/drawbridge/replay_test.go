package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"drawbridge/internal/migration"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// replayedBridge is a bridge through which a fax went once and a scanner twice, by the rules of the file that it runs with.
func replayedBridge(t *testing.T) (w *world, p *process) {
	t.Helper()
	w = newWorld(t)
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	address, other := freeAddress(t), freeAddress(t)
	for other == address {
		other = freeAddress(t)
	}
	p = serveProcess(t, w, fmt.Sprintf(`
name: test
timezone: UTC
log: {output: [%s]}
listeners:
  - {name: imaps, protocol: imap, address: %q}
  - {name: pop3s, protocol: pop3, address: %q}
certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]
inventory: {enrich: {reverse_dns: false}}
admin: {address: ""}
upstreams:
%s%srules:
  - match: {account: fax@contoso.example}
    stage: warn
`, filepath.Join(w.dir, "bridge.log"), address, other, w.upstream("old", imap.Address(), pop3.Address()),
		w.upstream("new", imap.Address(), pop3.Address())))
	for _, account := range []string{"fax@contoso.example", "scanner@contoso.example"} {
		w.mailbox(sandbox.Account{Address: account, Password: "right", Messages: [][]byte{messageOf(1)}})
	}
	old, fax := deviceVersions[0], sandbox.Device{Protocol: sandbox.IMAP, Account: "fax@contoso.example", Login: sandbox.LoginQuoted}
	scanner := sandbox.Device{Protocol: sandbox.POP3, Account: "scanner@contoso.example", Login: sandbox.UserPass}
	for _, d := range []sandbox.Device{fax, scanner, scanner} {
		d.Password, d.MinTLS, d.MaxTLS, d.Suites, d.Mail, d.Expect = "right", old.version, old.version, old.suites, messageOf(1), sandbox.MailRead
		at := map[sandbox.Protocol]string{sandbox.IMAP: address, sandbox.POP3: other}[d.Protocol]
		if got := d.Run(t.Context(), sandbox.Target{Address: at, ServerName: "localhost", Timeout: patience}); got.Err != nil {
			t.Fatalf("%s: %v", d.Account, got.Err)
		}
	}
	return w, p
}

// withRules is the configuration that p runs with, with other rules.
func (p *process) withRules(name, rules string) string {
	p.t.Helper()
	text, err := os.ReadFile(p.config)
	must(p.t, err)
	before, _, _ := strings.Cut(string(text), "rules:\n")
	path := filepath.Join(filepath.Dir(p.config), name)
	must(p.t, os.WriteFile(path, []byte(before+"rules:\n"+rules), 0o600))
	return path
}

// commanded is what a command prints; it has to succeed.
func commanded(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr); code != exitDone {
		t.Fatalf("drawbridge %s: exit %d: %s", strings.Join(args, " "), code, &stderr)
	}
	return stdout.String()
}

const replayRules = `  - match: {account: fax@contoso.example}
    stage: warn
    block_from: 2099-03-01
  - match: {account: scanner@*}
    from: 2099-01-15T20:00
    upstream: new
`

const replayAnswer = `DEVICE                             SESSIONS  WAS          WOULD BE     RULE
127.0.0.1/fax@contoso.example      1         old, warn    old, block   rules[0]  cannot work without the bridge
127.0.0.1/scanner@contoso.example  2         old, bridge  new, bridge  rules[1]

3 sessions decided anew: 2 devices would be treated otherwise; 1 of them cannot work without the bridge and would be refused.
`

// TestReplay_TellsMailboxesWhereTheyDiffer, and nowhere else.
func TestReplay_TellsMailboxesWhereTheyDiffer(t *testing.T) {
	t.Parallel()
	was, would := migration.Treatment{Upstream: "online", Mailbox: "fax", Stage: "warn"},
		migration.Treatment{Upstream: "online", Mailbox: "all", Stage: "warn"}
	var out strings.Builder
	_, err := printDifferences(&out, []migration.Difference{
		{Device: "10.20.3.7/fax", Sessions: 2, Was: was, Would: would, Rule: "rules[0]", Moves: true},
		{Device: "10.20.3.8/fax", Sessions: 1, Was: was, Rule: "rules[1]",
			Would: migration.Treatment{Upstream: "online", Mailbox: "FAX", Stage: "block"}}})
	must(t, err)
	const want = `DEVICE         SESSIONS  WAS                        WOULD BE                   RULE
10.20.3.7/fax  2         online, mailbox fax, warn  online, mailbox all, warn  rules[0]
10.20.3.8/fax  1         online, warn               online, block              rules[1]
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// TestReplay_DecidesWhatTheBridgeRecorded asks what other rules would have made of a bridge's sessions, while it runs and afterwards.
func TestReplay_DecidesWhatTheBridgeRecorded(t *testing.T) {
	t.Parallel()
	_, p := replayedBridge(t)
	planned := p.withRules("new.yaml", replayRules)
	replay := []string{"explain", "--replay", "7d", "--config", planned}
	const same = "3 sessions decided anew: nothing would be otherwise.\n"
	until(t, "the sessions to be in the inventory", func() bool { return commanded(t, replay...) == same })
	check := func(when string) {
		if got := commanded(t, "explain", "--replay", "7d", "--config", p.config); got != same {
			t.Errorf("%s, by the rules that it ran with:\n%s", when, got)
		}
		got := commanded(t, append(slices.Clone(replay), "--at", "2099-03-01")...)
		if !strings.HasPrefix(got, replayAnswer) || !strings.Contains(got, "POP3's UIDL") {
			t.Errorf("%s:\n%s\nwant it to begin with\n%s", when, got, replayAnswer)
		}
		var all migration.Replay
		must(t, json.Unmarshal([]byte(commanded(t, append(slices.Clone(replay), "--at", "2099-02-28T23:59", "--json")...)), &all))
		if all.Sessions != 3 || len(all.Differences) != 1 || all.Differences[0].Rule != "rules[1]" || !all.Differences[0].Moves ||
			all.Differences[0].Would.Upstream != "new" || all.Differences[0].Was.Stage != inventory.StageBridge {
			t.Errorf("%s, a minute before: %+v", when, all)
		}
	}
	check("while the bridge runs")
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitDone {
		t.Errorf("exit %d: %s", code, &p.stderr)
	}
	check("when it does not")
}
