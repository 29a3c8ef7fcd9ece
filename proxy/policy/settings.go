package policy

import (
	"maps"
	"time"

	"drawbridge/internal/schedule"
	"drawbridge/inventory"
)

// A setting is one of those that rules give, as a number.
type setting uint8

const (
	upstream setting = iota
	mailbox
	stage
	windows
	blockFrom
	message
	dryRun
	cutSessions
	settings // how many there are
)

// names are the settings as the configuration and Decision.Rules have them.
var names = [settings]string{SettingUpstream, SettingMailbox, SettingStage, SettingSchedule, SettingBlockFrom, SettingMessage,
	SettingDryRun, SettingCutSessions}

// The settings that rules give.
const (
	SettingUpstream    = "upstream"
	SettingMailbox     = "mailbox"
	SettingStage       = "stage"
	SettingSchedule    = "schedule"
	SettingBlockFrom   = "block_from"
	SettingMessage     = "message"
	SettingDryRun      = "dry_run"
	SettingCutSessions = "cut_sessions"
)

// Who gave a setting, in Decision.Rules, where it was no rule.
const (
	Default = "default" // nobody did
	Device  = "device"  // people set it for this device
)

// Settings are what a rule gives. What is empty or nil it leaves to the rules below it.
type Settings struct {
	Upstream, Mailbox string
	Stage             inventory.Stage
	Schedule          []schedule.Window
	BlockFrom         BlockFrom
	Message           string
	DryRun            *bool
	CutSessions       *bool
}

// BlockFrom is when every stage becomes block. The zero BlockFrom says nothing.
type BlockFrom struct {
	At       time.Time
	Deadline bool // when the device's own planned date begins
}

// given are the settings that s gives, a bit each.
func (s *Settings) given() settingSet {
	var set settingSet
	for i, given := range [settings]bool{s.Upstream != "", s.Mailbox != "", s.Stage != "", len(s.Schedule) > 0,
		s.BlockFrom != BlockFrom{}, s.Message != "", s.DryRun != nil, s.CutSessions != nil} {
		if given {
			set |= 1 << i
		}
	}
	return set
}

// settingSet is a set of settings, a bit each.
type settingSet uint8

const allSettings settingSet = 1<<settings - 1

func (s settingSet) has(one setting) bool { return s&(1<<one) != 0 }

// Decision is what the rules say of a session at one time.
type Decision struct {
	Upstream string
	Mailbox  string // empty: that of the account
	// Stage is what holds: brownout only within the schedule, and bridge in a dry run.
	Stage inventory.Stage
	// WouldStage is what would hold but for a dry run; empty where that is bridge too, or there is none.
	WouldStage inventory.Stage
	// Given is the stage that rules or people gave, whatever the hour, block_from and a dry run make of it.
	Given       inventory.Stage
	Schedule    []schedule.Window
	BlockFrom   time.Time // zero: never
	Message     string    // said at stage warn; empty: the text of the program
	DryRun      bool
	CutSessions bool
	Rules       Rules
}

// Rules tells who gave each setting that somebody gave, and of upstream and stage also where nobody did: "rules[3]", Device or
// Default.
type Rules map[string]string

// Without is r without a setting. r itself is not changed.
func (r Rules) Without(setting string) Rules {
	if _, ok := r[setting]; !ok {
		return r
	}
	r = maps.Clone(r)
	delete(r, setting)
	return r
}

// effective is the stage of d at that time, but for a dry run.
func (d *Decision) effective(at time.Time) inventory.Stage {
	if d.blocked(at) {
		return inventory.StageBlock
	}
	if d.Given == inventory.StageBrownout && !d.inSchedule(at) {
		return inventory.StageBridge
	}
	return d.Given
}

// Planned is the stage that rules or people want: Given, or block where block_from has come. Neither the hours of a brownout nor a
// dry run make it another one.
func (d *Decision) Planned() inventory.Stage {
	if d.would() == inventory.StageBlock {
		return inventory.StageBlock
	}
	return d.Given
}

// blocked reports whether block_from has come.
func (d *Decision) blocked(at time.Time) bool {
	return !d.BlockFrom.IsZero() && !at.Before(d.BlockFrom)
}

func (d *Decision) inSchedule(at time.Time) bool {
	for i := range d.Schedule {
		if d.Schedule[i].Holds(at) {
			return true
		}
	}
	return false
}

// Decisive is the rule that a stage other than bridge, or a dry run of one, comes from: that of block_from, of the schedule or of
// the stage.
func (d *Decision) Decisive(at time.Time) string {
	switch {
	case d.blocked(at):
		return d.Rules[SettingBlockFrom]
	case d.Given == inventory.StageBrownout && d.Rules[SettingSchedule] != "":
		return d.Rules[SettingSchedule]
	}
	return d.Rules[SettingStage]
}
