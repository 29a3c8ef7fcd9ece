package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/migration"
	"drawbridge/inventory"
)

func newStages() *cobra.Command {
	c := &cobra.Command{
		Use:     "stages",
		Short:   "The stages of the migration: which devices change when",
		Example: "  drawbridge stages next --for 30d",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("there is no command %q, did you mean next?", args[0])}
			}
			return nil
		},
	}
	c.AddCommand(newStagesNext())
	return c
}

func newStagesNext() *cobra.Command {
	var period string
	c := withJSON(&cobra.Command{
		Use:   "next",
		Short: "Which devices change stage or upstream when, and by which rule",
		Long: `Lists every change to come, by device: from the rules of the configuration, the dates in them, and what people set for devices. A
device that cannot do without the bridge is marked: what blocks it leaves it without mail.`,
		Example: `  drawbridge stages next
  drawbridge stages next --for 30d --json`,
		PreRunE: func(*cobra.Command, []string) error {
			if d, err := config.ParseDuration(period); err != nil || d <= 0 {
				return &usageError{fmt.Errorf("--for: %q is no duration: write 90d", period)}
			}
			return nil
		},
	})
	c.Flags().StringVar(&period, "for", "90d", "how far to look ahead: a `DURATION` such as 30d")
	return configured(c, func(c *cobra.Command, _ []string, cfg *config.Config) error {
		length, err := config.ParseDuration(period)
		if err != nil {
			return err
		}
		return stagesNext(c, cfg, length)
	})
}

func stagesNext(c *cobra.Command, cfg *config.Config, length time.Duration) error {
	rules, err := rulesOf(cfg)
	if err != nil {
		return err
	}
	var devices []inventory.Device
	n, err := rules.withDevices(c, cfg, func(d *inventory.Device) {
		if d.Account != inventory.Stranger {
			devices = append(devices, *d)
		}
	})
	if err != nil {
		return err
	}
	now, unmet := time.Now(), 0
	for i := range devices {
		if devices[i].Protocol == "" {
			unmet++
		}
	}
	steps := rules.Ahead(slices.Values(devices), now, now.Add(length))
	return answer(c, append([]migration.Step{}, steps...), func(w io.Writer) error {
		if len(steps) == 0 {
			_, _ = fmt.Fprintf(w, "Nothing changes for the %s of the inventory in that time.\n", plural(n, "device"))
		} else if err := printSteps(w, steps, cfg.Timezone, true); err != nil {
			return err
		}
		return printUnmet(w, unmet)
	})
}

// printUnmet tells of devices that were imported before they ever came.
func printUnmet(w io.Writer, unmet int) error {
	if unmet == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s never came yet: rules that match by listener, protocol, readiness or blockers are not counted there.\n",
		plural(unmet, "device"))
	return err
}

// printSteps prints changes as a table. Of those that come back, such as a brownout's, the first two are shown, and how many follow.
func printSteps(w io.Writer, steps []migration.Step, zone *time.Location, byDevice bool) error {
	type kind struct {
		device   string
		stage    inventory.Stage
		upstream string
		rule     string
	}
	shown, left := map[kind]int{}, map[kind]int{}
	for _, s := range steps {
		left[kind{s.Device, s.Stage, s.Upstream, s.Rule}]++
	}
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	if byDevice {
		_, _ = fmt.Fprintln(t, "AT\tDEVICE\tSTAGE\tUPSTREAM\tRULE\t")
	}
	for _, s := range steps {
		k := kind{s.Device, s.Stage, s.Upstream, s.Rule}
		if shown[k]++; shown[k] > 1 {
			continue
		}
		more := ""
		if left[k] > 1 {
			more = fmt.Sprintf(" (and %s more)", times(left[k]-1))
		}
		note := stepNote(&s)
		device := ""
		if byDevice {
			device = inventory.Printable(s.Device) + "\t"
		}
		_, _ = fmt.Fprintf(t, "%s%s\t%s%s\t%s\t%s\t%s\n", s.At.In(zone).Format(clock), more, device, stageOf(&s),
			inventory.Printable(s.Upstream), s.Rule, note)
	}
	_ = t.Flush()
	if err := printTrimmed(w, table.String()); err != nil {
		return err
	}
	return adviseOn(w, steps)
}

// printTrimmed prints a table without the blanks with which its lines end.
func printTrimmed(w io.Writer, table string) error {
	for line := range strings.Lines(table) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// times is how often something comes.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}

func stageOf(s *migration.Step) string {
	if s.WouldStage != "" {
		return string(s.Stage) + " (dry run of " + string(s.WouldStage) + ")"
	}
	return string(s.Stage)
}

// stepNote is what people should know of a change.
func stepNote(s *migration.Step) string {
	switch {
	case cutsOff(s):
		return "cannot do without the bridge"
	case s.Moves:
		return "another mailbox"
	}
	return ""
}

// cutsOff reports whether a change leaves a device without mail.
func cutsOff(s *migration.Step) bool { return s.Needs && s.Stage == inventory.StageBlock }

// adviseOn says what to do about changes, of which a device may have several.
func adviseOn(w io.Writer, steps []migration.Step) error {
	cutOff, moves := make(map[string]bool), 0
	for i := range steps {
		if cutsOff(&steps[i]) {
			cutOff[steps[i].Device] = true
		}
		if steps[i].Moves {
			moves++
		}
	}
	return printAdvice(w, len(cutOff), moves)
}

// printAdvice says what to do about changes that hurt.
func printAdvice(w io.Writer, cutOff, moves int) (err error) {
	if cutOff > 0 {
		_, err = fmt.Fprintf(w, "\n%s cannot do without the bridge and will have no mail from then on: replace what is marked "+
			"before, or give it a later date\nin a rule above.\n", plural(cutOff, "device"))
	}
	if moves > 0 && err == nil {
		_, err = fmt.Fprintf(w, "\nWhere a mailbox moves to another upstream its messages have other numbers there (POP3's UIDL, "+
			"IMAP's UIDVALIDITY): a device that\nleaves its mail on the server fetches all of it once more. Let it empty the old mailbox "+
			"before, or move what it has had into another folder\nof the new one.\n")
	}
	return err
}
