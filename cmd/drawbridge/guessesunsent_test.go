package main

import (
	"fmt"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// unsentFaults are ways in which a mail server fails before a password goes up, and one in which it fails behind it.
var unsentFaults = []struct {
	name   string
	faults sandbox.Faults
	sent   bool
}{
	{name: "silent after accept", faults: sandbox.Faults{SilentAfterAccept: true}},
	{name: "greets and closes", faults: sandbox.Faults{GreetingThenClose: true}},
	{name: "silent after the greeting", faults: sandbox.Faults{SilentAfterGreeting: true}},
	{name: "silent after the password", faults: sandbox.Faults{SlowLogin: patience}, sent: true},
}

// TestGuesses_OfPasswordsThatNeverWentUp lets a mail server fail twice where one guess is allowed. A password that never went up was no
// guess, so that the device gets its mail once the server is well; one that did is, or time-outs would be free guesses.
func TestGuesses_OfPasswordsThatNeverWentUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers := map[string]*sandbox.Listener{}
	upstreams, rules := "upstreams:\n", "rules:\n"
	for _, protocol := range bothProtocols {
		for i := range unsentFaults {
			name := fmt.Sprintf("%s-%d", protocol, i)
			servers[name] = w.listen(sandbox.ListenOptions{Protocol: protocol})
			address := servers[name].Address() // of the other protocol too, which nobody asks for
			upstreams += w.upstream(name, address, address, "dial_timeout: 1s", "login_timeout: 1s", "guesses: {count: 1, per: 30m}")
			rules += fmt.Sprintf("  - {match: {account: \"%s@*\"}, upstream: %s}\n", name, name)
		}
	}
	w.start(w.configure(bridgeConfig, upstreams+rules))
	for _, protocol := range bothProtocols {
		for i, f := range unsentFaults {
			name := fmt.Sprintf("%s-%d", protocol, i)
			t.Run(string(protocol)+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				account := name + "@contoso.example"
				w.mailbox(sandbox.Account{Address: account, Password: "right", Messages: [][]byte{messageOf(1)}})
				device := oldDevice(protocol, account, "right")
				device.Mail = messageOf(1)
				must(t, servers[name].SetFaults(f.faults))
				w.visitRefused(t, device, unavailable[protocol])
				if f.sent {
					must(t, servers[name].SetFaults(sandbox.Faults{}))
					w.visitRefused(t, device, tooManyFailures[protocol])
					return
				}
				w.visitRefused(t, device, unavailable[protocol])
				must(t, servers[name].SetFaults(sandbox.Faults{}))
				if result, record := w.visit(t, device); !result.OK() || record.Outcome != inventory.OutcomeBridged {
					t.Errorf("once the server was well the visit ended as %q (%s %v), outcome %s %q, want its mail",
						result.Outcome, result.Refusal, result.Err, record.Outcome, record.Reason)
				}
			})
		}
	}
}

// visitRefused has a device try in vain.
func (w *world) visitRefused(t *testing.T, device sandbox.Device, reads string) {
	t.Helper()
	if result, record := w.visit(t, refusedAs(device, reads)); !result.OK() {
		t.Errorf("the visit ended as %q, the device read %q (%v), want %q; reason %q", result.Outcome, result.Refusal, result.Err, reads,
			record.Reason)
	}
}
