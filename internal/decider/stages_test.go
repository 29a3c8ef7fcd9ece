package decider_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/login"

	"drawbridge/internal/secret"
)

const (
	warn  = inventory.StageWarn
	block = inventory.StageBlock
)

// stageOf is the stage at which a source is served that logs in on-premises by password.
func stageOf(t *testing.T, stages map[string]inventory.Stage, source inventory.Source, byMAC bool,
	account string) (inventory.Stage, *login.Refusal) {
	t.Helper()
	s := &inventory.Session{Source: source, ByMAC: byMAC, Protocol: "pop3"}
	got, err := newDecider(t, stages).Decide(t.Context(), time.Now(), s, login.Credentials{Account: account, Password: secret.New("x"),
		Mechanism: login.MechanismUser})
	must(t, err)
	if got.Upstream.Name() != "on-prem" {
		t.Fatalf("%s goes to %s", account, got.Upstream.Name())
	}
	return got.Stage, got.Then
}

// TestDecide_AStageHoldsForEverySpellingFromItsSource, where the upstream takes the name as it is typed.
func TestDecide_AStageHoldsForEverySpellingFromItsSource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set   map[string]inventory.Stage
		names []string
		want  inventory.Stage
	}{
		{map[string]inventory.Stage{"10.0.0.7/on-fax1": block}, []string{"on-fax1", "on-fax1@x", `on-x\on-fax1`, " on-fax1", `"on-fax1"`,
			`"on-fax1"@x`, "on-fax1%x", "on-fax1*root", "on-x*on-fax1", "ON-FAX1@X"}, block},
		{map[string]inventory.Stage{"10.0.0.7/on-fax1@x": block}, []string{"on-fax1", "on-fax1@y"}, block},
		{map[string]inventory.Stage{"10.0.0.7/on-fax1@x": block}, []string{"on-fax2", "on-fax2@x", "on-x@on-fax1"}, inventory.StageBridge},
		{map[string]inventory.Stage{"10.0.0.8/on-fax1@x": block}, []string{"on-fax1", "on-fax1@x"}, inventory.StageBridge},
		// the strictest of other spellings, but whoever is named alone has what is set for it
		{map[string]inventory.Stage{"10.0.0.7/on-fax1@x": warn, "10.0.0.7/on-fax1@y": block}, []string{"on-fax1", "on-fax1@z"}, block},
		{map[string]inventory.Stage{"10.0.0.7/on-fax1@x": block, "10.0.0.7/on-fax1@y": inventory.StageBridge}, []string{"on-fax1@y"},
			inventory.StageBridge},
		{map[string]inventory.Stage{`10.0.0.7/on-anna@x\sales`: block}, []string{`on-anna@x\support`, "on-anna@x"}, inventory.StageBridge},
		{map[string]inventory.Stage{`10.0.0.7/on-anna@x\sales`: block}, []string{`on-anna@x/sales`}, block},
	} {
		for _, name := range c.names {
			got, then := stageOf(t, c.set, inventory.Source{IP: netip.MustParseAddr("10.0.0.7")}, false, name)
			if got != c.want || (then != nil) != (c.want == block) {
				t.Errorf("set %v, typed %q: stage %s, refused %v; want %s", c.set, name, got, then, c.want)
			}
			for id := range c.set {
				if _, exact := c.set["10.0.0.7/"+strings.ToLower(name)]; then != nil && len(c.set) == 1 && !exact &&
					!strings.Contains(then.Err.Error(), id) {
					t.Errorf("%q is refused since %v, which does not say that %s was set", name, then.Err, id)
				}
			}
		}
	}
}

// TestDecide_AStageHoldsForTheAdapter though the device takes so many addresses that its MAC address is hidden.
func TestDecide_AStageHoldsForTheAdapter(t *testing.T) {
	t.Parallel()
	const mac = "00:00:48:01:02:03"
	set := map[string]inventory.Stage{mac + "/on-fax1": block, "10.0.0.9/on-fax2": block}
	hidden := inventory.Source{IP: netip.MustParseAddr("10.0.0.9"), Adapter: mac}
	shown := inventory.Source{IP: netip.MustParseAddr("10.0.0.9"), Adapter: mac, MAC: mac}
	for _, c := range []struct {
		name   string
		source inventory.Source
		byMAC  bool
		want   inventory.Stage
	}{
		{"on-fax1", shown, true, block},
		{"on-fax1", hidden, true, block},
		{"on-fax1@x", hidden, true, block},
		{"on-fax1", hidden, false, inventory.StageBridge}, // ids are addresses here
		{"on-fax2", hidden, true, block},
		{"on-fax2", shown, true, block}, // set while its MAC was hidden
		{"on-fax1", inventory.Source{IP: netip.MustParseAddr("10.0.0.9")}, true, inventory.StageBridge},
	} {
		if got, _ := stageOf(t, set, c.source, c.byMAC, c.name); got != c.want {
			t.Errorf("%s from %+v, by MAC %v: stage %s, want %s", c.name, c.source, c.byMAC, got, c.want)
		}
	}
}
