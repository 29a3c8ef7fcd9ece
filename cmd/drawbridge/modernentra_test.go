package main

import (
	"cmp"
	"strconv"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// entraCase is one way in which Entra ID gives no token, or one of no use.
type entraCase struct {
	options modernOptions
	faults  sandbox.EntraFaults
	mend    func(w *modernWorld) // besides what ends the faults
	phase   inventory.Phase      // default decide
	reason  string
	pause   time.Duration // at least so long no further request is made; default 2 s
}

var entraCases = map[string]entraCase{
	"down":    {faults: sandbox.EntraFaults{Down: true}, reason: "firewall"},
	"garbage": {faults: sandbox.EntraFaults{Garbage: true}, reason: "Entra ID"},
	"throttled": {faults: sandbox.EntraFaults{Throttled: true, RetryAfter: 3 * time.Second},
		reason: "nothing needs to be done", pause: 3 * time.Second},
	"throttled without a time": {faults: sandbox.EntraFaults{Throttled: true}, reason: "nothing needs to be done"},
	"status 500":               {faults: sandbox.EntraFaults{Status: 500}, reason: "500"},
	"status 503 with a time":   {faults: sandbox.EntraFaults{Status: 503, RetryAfter: time.Second}, reason: "503", pause: time.Second},
	"redirect":                 {faults: sandbox.EntraFaults{Redirect: "https://127.0.0.1:1/"}, reason: "Entra ID"},
	"wrong secret": {reason: "the client secret is wrong",
		options: modernOptions{change: func(t *sandbox.Tenant) { t.Applications[0].Secret = "another~secret" }}},
	"expired secret": {reason: "the client secret has expired",
		options: modernOptions{change: func(t *sandbox.Tenant) { t.Applications[0].SecretExpires = time.Now().Add(-time.Hour) }}},
	"unknown application": {reason: "does not exist in tenant",
		options: modernOptions{change: func(t *sandbox.Tenant) { t.Applications = nil }}},
	"disabled application": {reason: "is disabled",
		options: modernOptions{change: func(t *sandbox.Tenant) { t.Applications[0].Refusal = 7000112 }}},
	"wrong tenant": {reason: "does not exist in cloud", options: modernOptions{noTenant: true},
		mend: func(w *modernWorld) { must(w.t, w.entra.AddTenant(sandbox.ModernTenant())) }},
	"token too short": {faults: sandbox.EntraFaults{TokenLife: 5 * time.Second}, reason: "clock"},
	// What follows gets tokens that Exchange refuses. They are of the shortest kind, so that the test need not wait for
	// them to be asked for anew.
	"no consent": {phase: inventory.PhaseAuthenticate, reason: "check that the application has its role",
		faults:  sandbox.EntraFaults{TokenLife: 11 * time.Second},
		options: modernOptions{change: func(t *sandbox.Tenant) { t.Applications[0].NoConsent = true }}},
	"Graph's audience": {phase: inventory.PhaseAuthenticate, reason: "refuses the bridge's token",
		faults: sandbox.EntraFaults{TokenLife: 11 * time.Second, WrongAudience: true}},
	"opaque": {phase: inventory.PhaseAuthenticate, reason: "refuses the bridge's token",
		faults: sandbox.EntraFaults{TokenLife: 11 * time.Second, Opaque: true}},
}

// TestModern_EntraFails sees for each fault what the device reads, how soon, what is on record, that Entra ID is left alone for a
// while, and that all is well again when it is, without a restart. The whiles of all cases pass at once.
func TestModern_EntraFails(t *testing.T) {
	t.Parallel()
	failing := map[string]*failingEntra{}
	for name, c := range entraCases {
		f := &failingEntra{entraCase: c, modernWorld: newModernWorld(t, c.options)}
		failing[name] = f
		t.Run(name+" fails", f.fail)
	}
	for name, f := range failing {
		t.Run(name+" heals", f.heal)
	}
}

// failingEntra is a case on its way from failure to health.
type failingEntra struct {
	entraCase
	*modernWorld
	asked []sandbox.EntraRequest // while it failed
}

func (f *failingEntra) fail(t *testing.T) {
	must(t, f.entra.SetFaults(f.faults))
	f.wantFailure(t, sandbox.IMAP)
	f.asked = f.entra.Log().Requests()
	f.wantFailure(t, sandbox.POP3)
	if again := f.entra.Log().Requests(); f.phase == "" && len(again) != len(f.asked) {
		t.Errorf("the second login made %d requests, want none so soon", len(again)-len(f.asked))
	}
	if f.mend != nil {
		f.mend(f.modernWorld)
	}
	f.setApplication(func(*sandbox.Application) {})
	must(t, f.entra.SetFaults(sandbox.EntraFaults{}))
}

func (f *failingEntra) heal(t *testing.T) {
	for _, protocol := range bothProtocols {
		f.wantMail(t, scanner(protocol))
	}
	if f.phase != "" || len(f.asked) == 0 {
		return
	}
	pause := f.entra.Log().Requests()[len(f.asked)].At.Sub(f.asked[len(f.asked)-1].At)
	if least := cmp.Or(f.pause, 2*time.Second); pause < least-50*time.Millisecond {
		t.Errorf("Entra ID was asked again %v after it failed, want %v", pause, least)
	}
}

func (f *failingEntra) wantFailure(t *testing.T, protocol sandbox.Protocol) {
	t.Helper()
	got := f.try(t, scanner(protocol))
	got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, cmp.Or(f.phase, inventory.PhaseDecide), f.reason)
	if got.took > 5*time.Second {
		t.Errorf("the device waited %v for its answer", got.took)
	}
	if got.record.Account != scannerLogin {
		t.Errorf("record: account %q, want that of the device, whose password was right", got.record.Account)
	}
}

// TestModern_EntraIsSlow waits for its token as long as it takes.
func TestModern_EntraIsSlow(t *testing.T) {
	t.Parallel()
	const slow = 1500 * time.Millisecond
	w := newModernWorld(t, modernOptions{})
	must(t, w.entra.SetFaults(sandbox.EntraFaults{Slow: slow}))
	got := w.try(t, scanner(sandbox.IMAP))
	got.want(t, "OK", inventory.OutcomeBridged, inventory.PhaseRelay, "")
	if got.took < slow {
		t.Errorf("the device read its answer after %v, before Entra ID gave one", got.took)
	}
}

// TestModern_LastTokenServesWhileEntraIsDown has a token at hand and no Entra ID.
func TestModern_LastTokenServesWhileEntraIsDown(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{})
	w.wantMail(t, scanner(sandbox.IMAP))
	must(t, w.entra.SetFaults(sandbox.EntraFaults{Down: true}))
	for _, protocol := range bothProtocols {
		w.try(t, scanner(protocol)).want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
	}
}

// TestModern_LongTokens hands tokens of every length on. The newer front end of POP3 takes none beyond 4,096 characters, which is no
// fault of the device.
func TestModern_LongTokens(t *testing.T) {
	for _, length := range []int{6000, 16<<10 - 64} {
		t.Run(strconv.Itoa(length), func(t *testing.T) {
			t.Parallel()
			faults := sandbox.EntraFaults{TokenLength: length}
			w := newModernWorld(t, modernOptions{})
			must(t, w.entra.SetFaults(faults))
			for _, protocol := range bothProtocols {
				w.try(t, scanner(protocol)).want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
			}
			for _, l := range w.exchange.Log().Logins() {
				if len(l.Token) < length {
					t.Errorf("a token of %d characters reached Exchange, want %d", len(l.Token), length)
				}
			}
			newer := newModernWorld(t, modernOptions{personality: sandbox.TCPProxy})
			must(t, newer.entra.SetFaults(faults))
			newer.try(t, scanner(sandbox.IMAP)).want(t, "OK", inventory.OutcomeBridged, inventory.PhaseRelay, "")
			newer.try(t, scanner(sandbox.POP3)).want(t, unavailable[sandbox.POP3], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "")
		})
	}
}
