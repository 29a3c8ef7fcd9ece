package decider

import (
	"maps"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// defaultNotice is said to a device at stage warn.
const defaultNotice = "This device uses outdated encryption."

// setBy is what a record names as the rule that gave a stage which people set.
const setBy = "device"

// stage decides at which stage a login is served that is not refused otherwise, and adds what that means. The password
// was checked here, or the refusal waits until the upstream or Entra ID has accepted it: a stranger learns no stage.
func (d *Decider) stage(s *inventory.Session, account string, decision *proxy.Decision) {
	decision.Stage = inventory.StageBridge
	if d.o.Stage == nil {
		return
	}
	set := d.o.Stage(s.DeviceOf(account))
	if set == "" {
		return
	}
	decision.Stage = set
	decision.Rules = maps.Clone(decision.Rules)
	if decision.Rules == nil {
		decision.Rules = make(map[string]string, 1)
	}
	decision.Rules["stage"] = setBy
	switch set {
	case inventory.StageWarn:
		decision.Notice = defaultNotice
	case inventory.StageBlock:
		d.block(decision)
	}
}

func (d *Decider) block(decision *proxy.Decision) {
	refusal := login.Refuse(login.Blocked, "the device was set to stage block: set another stage if it is to read mail here again")
	refusal.Text = d.o.Config.Contact
	if decision.Checked {
		decision.Credential = blocked{refusal: refusal}
		return
	}
	decision.Then = refusal
}
