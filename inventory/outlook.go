package inventory

import (
	"strings"
	"time"
)

// Outlook is what the rules of a configuration make of a device at one moment, and what is planned for it next.
type Outlook struct {
	Stage      Stage  `json:"stage"`                 // that holds: outside its hours a brownout is bridge
	WouldStage Stage  `json:"would_stage,omitempty"` // that would hold, but for a dry run
	Rule       string `json:"rule"`                  // that gives the stage: rules[3], device or default
	Next       *Turn  `json:"next,omitempty"`        // nil: nothing is planned in the next 400 days
	// BlockFrom is when the device is planned to be refused for good, in a dry run not; nil: it is not in the next 400 days, or is
	// refused already.
	BlockFrom *time.Time `json:"block_from,omitempty"`
}

// Turn is a planned change of a device's stage or upstream. The hours of a brownout make none.
type Turn struct {
	At         time.Time `json:"at"` // in the time zone that the plan is made in
	Stage      Stage     `json:"stage"`
	WouldStage Stage     `json:"would_stage,omitempty"` // in a dry run, where Stage is bridge
	Upstream   string    `json:"upstream,omitempty"`    // where it is another one from then on
	// Moves says that the mailbox is another one from then on, as it is wherever the upstream is.
	Moves bool   `json:"moves_mailbox,omitempty"`
	Rule  string `json:"rule"`
}

// StageWords is the stage that holds as people read it: bridge, or bridge (dry run of block).
func (o *Outlook) StageWords() string { return stageWords(o.Stage, o.WouldStage) }

// StageWords is the stage that comes as people read it: block, or bridge (dry run of block).
func (t *Turn) StageWords() string { return stageWords(t.Stage, t.WouldStage) }

func stageWords(stage, would Stage) string {
	if would == "" {
		return string(stage)
	}
	return string(stage) + " (dry run of " + string(would) + ")"
}

// NextWords says in a few words what comes next, without its date: block, dry run of block, to online, warn, to online. It is empty
// where nothing does.
func (o *Outlook) NextWords() string {
	t := o.Next
	if t == nil {
		return ""
	}
	var words []string
	switch {
	case t.Moves && t.Stage == o.Stage && t.WouldStage == o.WouldStage: // the mailbox is all that changes
	case t.WouldStage != "":
		words = append(words, "dry run of "+string(t.WouldStage))
	default:
		words = append(words, string(t.Stage))
	}
	switch {
	case t.Upstream != "":
		words = append(words, "to "+t.Upstream)
	case t.Moves:
		words = append(words, "another mailbox")
	}
	return strings.Join(words, ", ")
}

// StageNow is the stage that holds now: by the rules where they were asked, else as set or as in the latest session.
func (d *Device) StageNow() Stage {
	if d.Outlook != nil {
		return d.Outlook.Stage
	}
	return d.Stage
}

// Leaves is the day by which the device is planned to have left the bridge, in zone: its deadline, or the day on which the rules
// begin to refuse it, whichever comes first; empty for none.
func (d *Device) Leaves(zone *time.Location) string {
	day := d.Deadline
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		day = ""
	}
	if d.Outlook == nil || d.Outlook.BlockFrom == nil {
		return day
	}
	if refused := d.Outlook.BlockFrom.In(zone).Format(time.DateOnly); day == "" || refused < day {
		return refused
	}
	return day
}
