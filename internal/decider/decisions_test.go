package decider_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/decider"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// leastDecisions is how many lines the files in testdata/decisions have together, at least.
const leastDecisions = 100

// TestDecisions_AsTheFilesSay reads testdata/decisions: beside each configuration a text with a decision on each line, "time | facts |
// settings". A device is a legacy one that logs in by password from 10.20.3.7 to an implicit listener, but for what its facts say.
func TestDecisions_AsTheFilesSay(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.yaml")
	must(t, err)
	n := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { n += decideLines(t, file) })
	}
	if n < leastDecisions {
		t.Errorf("the files have %d decisions, want %d at least", n, leastDecisions)
	}
}

// decideLines compares what a configuration decides with each line of the text beside it, and returns how many there are.
func decideLines(t *testing.T, file string) (n int) {
	t.Helper()
	cfg, err := config.Load(file)
	must(t, err)
	table, err := decider.Rules(cfg)
	must(t, err)
	text := strings.TrimSuffix(file, ".yaml") + ".txt"
	lines, err := os.ReadFile(text)
	must(t, err)
	number := 0
	for line := range strings.Lines(string(lines)) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		n++
		part := strings.Split(line, "|")
		if len(part) != 3 {
			t.Fatalf("%s:%d: %d parts, want time | facts | settings", text, number, len(part))
		}
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(part[0]))
		must(t, err)
		decision := table.Decide(factsOf(t, part[1]), at)
		got, want := told(cfg, &decision), strings.TrimSpace(part[2])
		if got != want {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", text, number, strings.TrimSpace(part[1]), got, want)
		}
	}
	return n
}

// factsOf reads words such as account=scan1 protocol=pop3.
func factsOf(t *testing.T, words string) policy.Facts {
	t.Helper()
	f := policy.Facts{Source: netip.MustParseAddr("10.20.3.7"), Protocol: "imap", Readiness: "legacy",
		Blockers: []string{"tls_version", "password_login"}}
	for _, word := range strings.Fields(words) {
		key, value, _ := strings.Cut(word, "=")
		fact := map[string]*string{"account": &f.Account, "listed": &f.Listed, "protocol": &f.Protocol, "listener": &f.Listener, "mac": &f.MAC,
			"readiness": &f.Readiness, "deadline": &f.Set.Deadline, "set": (*string)(&f.Set.Stage)}[key]
		switch {
		case key == "source":
			f.Source = netip.MustParseAddr(value)
		case key == "blockers":
			f.Blockers = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '-' })
		case fact == nil:
			t.Fatalf("%q is no fact", word)
		default:
			*fact = value
		}
	}
	f.Listener = cmp.Or(f.Listener, f.Protocol+"s")
	f.Device = f.Source.Unmap().String() + "/" + strings.ToLower(cmp.Or(f.Listed, f.Account))
	return f
}

// told writes a decision as the files do: each setting with the rule that gave it, without what nobody set; "-" for nothing.
func told(cfg *config.Config, d *policy.Decision) string {
	var parts []string
	tell := func(setting string, value any, silent bool) {
		if rule := cmp.Or(d.Rules[setting], policy.Default); rule != policy.Default || !silent {
			parts = append(parts, fmt.Sprintf("%s %v (%s)", setting, value, rule))
		}
	}
	tell(policy.SettingUpstream, d.Upstream, d.Upstream == cfg.Upstreams[0].Name)
	tell(policy.SettingMailbox, d.Mailbox, d.Mailbox == "")
	tell(policy.SettingStage, d.Stage, d.Stage == inventory.StageBridge)
	if d.WouldStage != "" {
		parts = append(parts, "would_stage "+string(d.WouldStage))
	}
	windows := make([]string, len(d.Schedule))
	for i, w := range d.Schedule {
		windows[i] = w.String()
	}
	from := "never"
	if !d.BlockFrom.IsZero() {
		from = d.BlockFrom.In(cfg.Timezone).Format("2006-01-02 15:04 MST")
	}
	tell(policy.SettingSchedule, strings.Join(windows, ", "), len(windows) == 0)
	tell(policy.SettingBlockFrom, from, d.BlockFrom.IsZero())
	tell(policy.SettingMessage, d.Message, d.Message == "")
	tell(policy.SettingDryRun, d.DryRun, !d.DryRun)
	tell(policy.SettingCutSessions, d.CutSessions, !d.CutSessions)
	return cmp.Or(strings.Join(parts, "; "), "-")
}
