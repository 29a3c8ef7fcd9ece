package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/internal/control"
	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func newDeviceImport() *cobra.Command {
	var dates string
	var i deviceImport
	var sheet report.Sheet
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Read an export back that was edited in Excel",
		Long: `Reads a CSV export back that people edited: drawbridge inventory --format csv, edited and saved in Excel, in any of its CSV
forms. What differs is set: stage, deadline, owner, category, priority, cost, location, model, asset_tag, ticket and note; other
columns are not read. A value that was changed in the file and here since the export is a conflict: nothing is imported until
--ours or --theirs says which one counts. Rows that cannot be read are told with their line, and then nothing is imported either.`,
		Example: `  drawbridge inventory --format csv > devices.csv
  drawbridge device import devices.csv --dry-run
  drawbridge device import devices.csv`,
		Args: oneArgument("file"),
		PreRunE: func(c *cobra.Command, args []string) error {
			if i.ours && i.theirs {
				return &usageError{errors.New("--ours and --theirs cannot both hold")}
			}
			order, known := map[string]report.DateOrder{"": "", "day-first": report.DayFirst, "month-first": report.MonthFirst}[dates]
			if !known {
				return &usageError{fmt.Errorf("--dates is day-first or month-first, not %q", dates)}
			}
			i.dates, i.out = order, c.OutOrStdout()
			in, err := openOr(c.InOrStdin(), args[0])
			if err != nil {
				return fmt.Errorf("the file to import cannot be read: %w: name one that is there, or - for standard input", err)
			}
			defer func() { _ = in.Close() }()
			sheet, err = report.ReadCSV(in)
			return err
		},
	}
	c.Flags().BoolVar(&i.dryRun, "dry-run", false, "tell what would be set, and set nothing")
	c.Flags().BoolVar(&i.fresh, "new", false, "take rows of devices that the inventory does not have, which then are listed")
	c.Flags().StringVar(&dates, "dates", "",
		"how Excel wrote dates such as 3/1/2027, where the file does not show it: day-first or month-first")
	c.Flags().BoolVar(&i.ours, "ours", false, "in a conflict leave what is set here")
	c.Flags().BoolVar(&i.theirs, "theirs", false, "in a conflict take what stands in the file")
	return onStock(c, func(c *cobra.Command, _ []string, s control.Stock) error { return i.run(c.Context(), s, sheet) })
}

// deviceImport is one import of a file.
type deviceImport struct {
	dryRun, fresh, ours, theirs bool
	dates                       report.DateOrder
	out                         io.Writer
}

func (i *deviceImport) run(ctx context.Context, s control.Stock, sheet report.Sheet) error {
	devices, _, err := s.Devices(ctx, inventory.Query{})
	if err != nil {
		return err
	}
	current := make(map[string]inventory.Device, len(devices))
	for _, d := range devices {
		current[d.ID] = d
	}
	plan := report.Planner{Current: current, Parse: inventory.ParseSetting, Import: i.fresh, Dates: i.dates}.Plan(sheet.Rows)
	if i.theirs {
		for _, c := range plan.Conflicts {
			plan.Changes = append(plan.Changes, report.Change{Line: c.Line, ID: c.ID, Key: c.Key, Old: c.Ours, New: c.Theirs})
		}
	}
	i.tell(sheet, plan)
	if len(plan.New)+len(plan.Changes)+len(plan.Conflicts)+len(plan.Faults) == 0 {
		i.say("Nothing in the file differs from what is set.")
		return nil
	}
	switch {
	case len(plan.Faults) > 0:
		return fmt.Errorf("nothing was imported: mend %s of the file, or take them out", plural(len(plan.Faults), "row"))
	case len(plan.Conflicts) > 0 && !i.ours && !i.theirs:
		return fmt.Errorf("nothing was imported: %s, take --ours or --theirs", plural(len(plan.Conflicts), "conflict"))
	case i.dryRun:
		return nil
	}
	return i.set(ctx, s, plan)
}

func (i *deviceImport) say(format string, args ...any) {
	for n := range args {
		if text, ok := args[n].(string); ok {
			args[n] = inventory.Printable(text)
		}
	}
	_, _ = fmt.Fprintf(i.out, format+"\n", args...)
}

// tell says what the import does.
func (i *deviceImport) tell(sheet report.Sheet, plan report.Plan) {
	for _, name := range sheet.Ignored {
		i.say("column %q is not one of the export and is not read", name)
	}
	for _, id := range plan.New {
		i.say("%s is new", id)
	}
	for _, c := range plan.Changes {
		i.say("line %d: %s: %s from %q to %q", c.Line, c.ID, c.Key, c.Old, c.New)
	}
	for _, c := range plan.Conflicts {
		i.say("line %d: %s: %s is %q in the file, and was set to %q here since the export", c.Line, c.ID, c.Key, c.Theirs, c.Ours)
	}
	for _, f := range plan.Faults {
		i.say("line %d: %s %s: %s", f.Line, f.ID, f.Key, f.Problem)
	}
}

// set makes the changes, device by device. One that fails ends it: what was set before stays set, and importing the file
// once more goes on.
func (i *deviceImport) set(ctx context.Context, s control.Stock, plan report.Plan) error {
	by := editedBy() + ", import"
	if err := s.Import(ctx, plan.New, by); err != nil {
		return err
	}
	ids, values := plan.Values()
	for _, id := range ids {
		if err := s.Set(ctx, id, values[id], by); err != nil {
			return fmt.Errorf("set %s: %w", inventory.Printable(id), unknownDevice(id, err))
		}
	}
	i.say("%s set.", plural(len(plan.Changes), "value"))
	return nil
}
