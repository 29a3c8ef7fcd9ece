package main

import (
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

const scannerDevice = "127.0.0.1/" + scannerLogin

// setStage sets a device to a stage, as an administrator does before it ever came.
func (w *world) setStage(device string, stage inventory.Stage) {
	w.t.Helper()
	must(w.t, w.bridge.ledger.Import(w.t.Context(), []string{device}, "test"))
	must(w.t, w.bridge.ledger.Set(w.t.Context(), device, map[string]string{inventory.KeyStage: string(stage)}, "test"))
}

func TestStages_BlockedDeviceReadsThatItIsBlocked(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{contact: "IT service desk, ext. 4711"})
	w.setStage(scannerDevice, inventory.StageBlock)
	for protocol, code := range map[sandbox.Protocol]string{sandbox.IMAP: "NO [CONTACTADMIN]", sandbox.POP3: "-ERR [SYS/PERM]"} {
		before := len(w.exchange.Log().Logins())
		got := w.try(t, scanner(protocol))
		got.want(t, code+" This device may no longer read mail here. IT service desk, ext. 4711", inventory.OutcomeRefused,
			inventory.PhaseDecide, "stage block")
		if r := got.record; r.Stage != inventory.StageBlock || r.Rules["stage"] != "device" || r.Device() != scannerDevice {
			t.Errorf("record: stage %q by %q of %s, want block by device of %s", r.Stage, r.Rules["stage"], r.Device(), scannerDevice)
		}
		if after := len(w.exchange.Log().Logins()); after != before {
			t.Error("the upstream was asked for a device that is blocked")
		}
		wrong := scanner(protocol)
		wrong.password, wrong.source = "1999", "127.0.0.7"
		w.setStage("127.0.0.7/"+scannerLogin, inventory.StageBlock)
		if got := w.try(t, wrong); !strings.Contains(got.reads, "Wrong name or password") {
			t.Errorf("with a wrong password the blocked device reads %q: a stranger learns of the stage", got.reads)
		}
		w.setStage(scannerDevice, inventory.StageBlock)
	}
	w.setStage(scannerDevice, "")
	w.wantMail(t, scanner(sandbox.IMAP))
}

func TestStages_WarnedDeviceIsServedAndTold(t *testing.T) {
	t.Parallel()
	w := newModernWorld(t, modernOptions{})
	w.setStage(scannerDevice, inventory.StageWarn)
	for protocol, begin := range map[sandbox.Protocol]string{sandbox.IMAP: "OK [ALERT] ", sandbox.POP3: "+OK Mailbox open. "} {
		got := w.try(t, scanner(protocol))
		got.want(t, begin+"This device uses outdated encryption.", inventory.OutcomeBridged, inventory.PhaseRelay, "")
		if got.record.Stage != inventory.StageWarn {
			t.Errorf("record: stage %q", got.record.Stage)
		}
	}
}

// TestStages_UpstreamThatChecksThePasswordIsAskedFirst: with passthrough a blocked device is told so only after the
// upstream took its password.
func TestStages_UpstreamThatChecksThePasswordIsAskedFirst(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	for _, source := range []string{"127.0.0.1", "127.0.0.2"} {
		w.setStage(source+"/scanner@contoso.example", inventory.StageBlock)
		r := w.guess(source, sandbox.IMAP, "right", "NO [CONTACTADMIN] This device may no longer read mail here.")
		if r.Outcome != inventory.OutcomeRefused || r.Phase != inventory.PhaseAdmit || r.Stage != inventory.StageBlock {
			t.Errorf("record: outcome %s in phase %s at stage %s, want refused in admit at block", r.Outcome, r.Phase, r.Stage)
		}
	}
	w.setStage("127.0.0.3/scanner@contoso.example", inventory.StageBlock)
	w.guess("127.0.0.3", sandbox.IMAP, "wrong", wrongPassword[sandbox.IMAP])
}
