package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"drawbridge/internal/terminal"
	"drawbridge/inventory"
	"drawbridge/inventory/advice"
	"drawbridge/inventory/journal"
)

// readLogs makes the inventory of log files alone. Devices are made as they are printed, unless totals are asked for.
func readLogs(c *cobra.Command, names []string, totals bool) (found, error) {
	advisor, err := advice.New()
	if err != nil {
		return found{}, err
	}
	in := &logFiles{fold: inventory.NewReportFold(), stdin: c.InOrStdin(), bar: newProgress(c.ErrOrStderr(), names)}
	for _, name := range names {
		if err := in.read(c.Context(), name); err != nil {
			return found{}, err
		}
	}
	_ = in.bar.Finish()
	in.tellLeftOut(c.ErrOrStderr())
	if in.stats.Lines == 0 {
		return found{}, errors.New("there is no session record in these files: are they the bridge's log (log.output) or its journal?")
	}
	if !totals {
		return found{devices: inventory.MarkNotServed(in.fold.All(advisor.Judge))}, nil
	}
	devices := in.fold.Devices(advisor.Judge)
	return found{devices: inventory.MarkNotServed(slices.Values(devices)), days: in.fold.Days(), totals: in.fold.Totals(devices)}, nil
}

// tellLeftOut says what of the bridge's could not be read, and what gives it whole.
func (in *logFiles) tellLeftOut(w io.Writer) {
	s := in.stats
	for _, left := range []struct {
		n   int64
		why string
	}{
		{s.Bad, "torn or damaged"},
		{s.Withheld, "left out by journalctl, which writes null for what is long: export them by journalctl --all -o json"},
		{s.Console, "written for people (log.format: console) and cannot be counted: take the journal in the data directory, " +
			"or set log.format: json"},
	} {
		if left.n > 0 {
			were := map[bool]string{true: "was", false: "were"}[left.n == 1]
			_, _ = fmt.Fprintf(w, "%s %s %s; %s read.\n", plural(int(left.n), "line"), were, left.why, plural(int(s.Lines), "line"))
		}
	}
}

// logFiles is one reading of log files.
type logFiles struct {
	fold  *inventory.Fold
	stats journal.Stats
	stdin io.Reader
	bar   *progressbar.ProgressBar
	done  int64 // bytes of the files before
}

func (in *logFiles) read(ctx context.Context, name string) error {
	if journal.IsSnapshot(name) {
		return in.readSnapshot(ctx, name)
	}
	r, err := openOr(in.stdin, name)
	if err != nil {
		return fmt.Errorf("a log cannot be read: %w: name files that are there, or - for standard input", err)
	}
	defer func() { _ = r.Close() }()
	var last int64
	stats, err := journal.ReadLog(ctx, r, func(l *inventory.Line) error { in.fold.Line(l); return nil },
		journal.LogOptions{Progress: func(read int64) {
			last = read
			_ = in.bar.Set64(in.done + read)
		}})
	in.done += last
	in.stats.Add(stats)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// readSnapshot adds what a journal has dropped.
func (in *logFiles) readSnapshot(ctx context.Context, name string) error {
	snapshot, err := journal.OpenSnapshot(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = snapshot.Close() }()
	fold, err := inventory.ReadSnapshot(snapshot)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	in.fold.Add(fold)
	in.stats.Lines++
	return nil
}

// newProgress tells on a terminal how far the reading of files has come.
func newProgress(w io.Writer, names []string) *progressbar.ProgressBar {
	if !terminal.Is(w) {
		return progressbar.DefaultBytesSilent(-1)
	}
	return progressbar.NewOptions64(sizeOf(names), progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("reading"), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
}

// sizeOf is how many bytes the files have, -1 where that is not known.
func sizeOf(names []string) int64 {
	if slices.Contains(names, "-") {
		return -1
	}
	var sum int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return -1
		}
		sum += info.Size()
	}
	return sum
}
