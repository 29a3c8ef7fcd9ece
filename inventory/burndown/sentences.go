package burndown

import (
	"strings"

	"drawbridge/inventory/words"
)

// Sentences say where the fleet is by its plan: today, and when the dates to come have passed. There is none of a fleet without a
// device.
func (b *Burndown) Sentences() []string {
	if b.Open == 0 {
		return nil
	}
	said := []string{b.today()}
	if b.Quiet > 0 {
		said = append(said, words.Count(b.Quiet, "of them was", "of them were")+" not seen for 30 days and may have left.")
	}
	return append(said, b.end())
}

func (b *Burndown) today() string {
	on := words.Count(b.Open, "device is", "devices are") + " on the bridge today"
	switch {
	case b.Undated == b.Open:
		return on + "; none has a date to leave by."
	case b.Overdue == 0:
		return on + ", none past its date."
	}
	return on + "; by the plan it should be " + words.Number(b.Planned()) + ", since " +
		words.Count(b.Overdue, "has not left by its date.", "have not left by their dates.")
}

func (b *Burndown) end() string {
	if len(b.Ahead) == 0 {
		return "No date is to come: give devices a deadline, or a rule block_from."
	}
	last := "When the last date to come, " + b.Last() + ", has passed and every one was kept, "
	if b.Left == 0 {
		return last + "none is left."
	}
	return last + words.Count(b.Left, "is", "are") + " left: " + b.staying() + "."
}

// staying says why devices stay whatever date is kept.
func (b *Burndown) staying() string {
	var parts []string
	if b.Overdue > 0 {
		parts = append(parts, words.Number(b.Overdue)+" past the date")
	}
	if b.Undated > 0 {
		parts = append(parts, words.Number(b.Undated)+" without a date")
	}
	return strings.Join(parts, ", ")
}
