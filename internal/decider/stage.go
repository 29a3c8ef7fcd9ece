package decider

import (
	"fmt"
	"strings"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
	"drawbridge/proxy/policy"
)

// Warning is said at stage warn where no rule has a message.
const Warning = "This device uses outdated encryption."

// stage adds to a decision what its stage means, for a login that is not refused otherwise. The password was checked here, or the
// refusal waits until the upstream or Entra ID has accepted it: a stranger learns no stage. of is the device that people set
// something for, where that is another spelling of this one.
func (d *Decider) stage(now time.Time, choice *policy.Decision, of string, decision *proxy.Decision) {
	decision.Stage, decision.WouldStage = choice.Stage, choice.WouldStage
	switch choice.Stage {
	case inventory.StageWarn:
		decision.Notice = Warning
		if choice.Message != "" {
			decision.Notice = choice.Message
		}
	case inventory.StageBrownout:
		refuse(decision, login.Refuse(login.Unavailable, "%s", brownedOut(choice)))
	case inventory.StageBlock:
		refusal := login.Refuse(login.Blocked, "%s", blockedBy(choice, now, of))
		refusal.Text = d.o.Config.Contact
		refuse(decision, refusal)
	}
}

// refuse lets a decision end in a refusal, told when the password is known to be right.
func refuse(decision *proxy.Decision, refusal *login.Refusal) {
	refusal.ByRule = true
	if decision.Checked {
		decision.Credential = blocked{refusal: refusal}
		return
	}
	decision.Then = refusal
}

// brownedOut is the sentence for a device that is refused within a schedule.
func brownedOut(choice *policy.Decision) string {
	texts := make([]string, len(choice.Schedule))
	for i, w := range choice.Schedule {
		texts[i] = w.String()
	}
	return fmt.Sprintf("a brownout refuses the device for a while (schedule of %s: %s): nothing needs to be done, it is served again outside "+
		"of these hours, and its owner was to notice", choice.Rules[policy.SettingSchedule], strings.Join(texts, ", "))
}

// blockedBy is the sentence for a device at stage block: who says so, and what lets it in again.
func blockedBy(choice *policy.Decision, now time.Time, of string) string {
	rule := choice.Decisive(now)
	switch {
	case !choice.BlockFrom.IsZero() && !now.Before(choice.BlockFrom):
		return fmt.Sprintf("the device is blocked since %s (block_from of %s): give it a later date there, or in a rule above for this device, "+
			"if it is to read mail here again", choice.BlockFrom.Format("2006-01-02 15:04"), rule)
	case rule == policy.Device && of != "":
		return fmt.Sprintf("the device was set to stage block as %s: set another stage there, or one for this name alone, if "+
			"it is to read mail here again", of)
	case rule == policy.Device:
		return "the device was set to stage block: set another stage if it is to read mail here again"
	}
	return fmt.Sprintf("%s has stage block for the device: change the rule, or set another stage for the device, if it is to read mail "+
		"here again", rule)
}

// Cuts reports whether a session that runs is to end, since its device has come to stage block and a rule has cut_sessions; why is
// the sentence for its record.
func (d *Decider) Cuts(now time.Time, s *inventory.Session) (why string, cut bool) {
	if !d.table.CutsSessions() {
		return "", false
	}
	account := s.ClaimedAccount
	facts, of := d.known.Facts(s, account)
	choice := d.table.Decide(facts, now)
	if choice.Stage != inventory.StageBlock || !choice.CutSessions {
		return "", false
	}
	return fmt.Sprintf("the session was ended since %s has cut_sessions: %s", choice.Rules[policy.SettingCutSessions],
		blockedBy(&choice, now, of)), true
}
