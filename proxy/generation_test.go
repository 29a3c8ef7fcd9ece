package proxy_test

import (
	"io"
	"testing"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// TestServer_SessionKeepsTheGenerationItBeganWith whatever holds by the time it logs in.
func TestServer_SessionKeepsTheGenerationItBeganWith(t *testing.T) {
	w := newWorld(t, nil)
	early := w.dial(0)
	early.hear("+OK ready")
	next := *w.listener
	next.Greeting = "the next generation is ready"
	refusing := &passAll{refuse: login.Refuse(login.Blocked, "the next generation blocks")}
	before := w.server.Swap(&proxy.Generation{Listeners: []*proxy.Listener{&next}, Decider: refusing})
	if before.Decider != proxy.Decider(w.decider) {
		t.Error("Swap returns another generation than held")
	}
	late := w.dial(0)
	late.hear("+OK the next generation is ready")
	late.say("USER anna", "PASS right")
	late.hear("+OK")
	late.hear("-ERR [SYS/PERM] This device may no longer read mail here.")
	late.say("QUIT")
	late.hear("+OK Drawbridge POP3 service signing off.")
	late.end()
	w.expect(inventory.OutcomeRefused, inventory.PhaseDecide, inventory.EndedByDevice, "the next generation blocks")
	early.say("USER anna", "PASS right")
	early.hear("+OK")
	early.hear("+OK Mailbox open.")
	early.say("QUIT")
	_, _ = io.ReadAll(early.r)
	early.end()
	w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
}
