package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
	"drawbridge/inventory/burndown"
	"drawbridge/inventory/report"
)

// inventoryFlags are what `drawbridge inventory` is told.
type inventoryFlags struct {
	from                                        []string
	since, format, columns, separator, currency string
	begin                                       time.Time // what since means
	strangers                                   bool
}

func newInventory() *cobra.Command {
	f := &inventoryFlags{}
	c := &cobra.Command{
		Use:   "inventory",
		Short: "The devices that depend on the bridge, and what to do about each",
		Long: `Prints the inventory: from the store of the data directory, whether the bridge runs or not, or, with --from, from
session records in log or journal files alone: plain, gzip or zstd, in any order, - for standard input. Lines of other
programs are passed over; torn lines are counted.

A session must be in the files once: name either the bridge's log or its journal, not both.`,
		Example: `  drawbridge inventory --config drawbridge.yaml --format html > report.html
  drawbridge inventory --from /var/log/drawbridge/bridge.log.2.gz /var/log/drawbridge/bridge.log --format csv > devices.csv
  journalctl -u drawbridge -o cat | drawbridge inventory --from -`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && len(f.from) == 0 {
				return &usageError{fmt.Errorf("%s takes no %q; name log files after --from", c.CommandPath(), args[0])}
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error { return f.check() },
	}
	c.Flags().StringArrayVar(&f.from, "from", nil, "make the inventory of these `LOG` files alone; - is standard input")
	c.Flags().StringVar(&f.since, "since", "", "only devices seen since a `TIME`: 2026-11-01, or 30d before now")
	c.Flags().StringVar(&f.format, "format", "table", "`FORMAT`: table, csv, json or html")
	c.Flags().StringVar(&f.columns, "columns", string(report.Default), "columns of csv: default, servicenow or lansweeper")
	c.Flags().StringVar(&f.separator, "separator", ",", `what separates the cells of csv: ",", ";" or "tab"`)
	c.Flags().StringVar(&f.currency, "currency", "", "what stands before sums in html, such as EUR")
	c.Flags().BoolVar(&f.strangers, "strangers", false, "list sources without a verified login too, as json does unless told otherwise")
	c.AddCommand(newInventoryRebuild())
	return configured(c, f.run)
}

// gcPercent is how much garbage there may be while an inventory is made, in percent of what is kept. Go's 100 is more than
// is needed: most of what is kept are counts without pointers, which are quick to look through.
const gcPercent = 40

// found is an inventory as the formats print it; days and totals are for html alone.
type found struct {
	devices iter.Seq[inventory.Device]
	days    []inventory.Day
	totals  inventory.Totals
}

// separators are what may separate the cells of CSV, by their names.
func separators() map[string]rune { return map[string]rune{",": ',', ";": ';', "tab": '\t'} }

// check refuses what cannot be meant.
func (f *inventoryFlags) check() (err error) {
	switch {
	case !slices.Contains([]string{"table", "csv", "json", "html"}, f.format):
		err = fmt.Errorf("there is no format %q: table, csv, json or html", f.format)
	case separators()[f.separator] == 0:
		err = fmt.Errorf(`%q does not separate cells: ",", ";" or "tab"`, f.separator)
	case !slices.Contains([]report.Columns{report.Default, report.ServiceNow, report.Lansweeper}, report.Columns(f.columns)):
		err = fmt.Errorf("there is no set of columns %q: %s, %s or %s", f.columns, report.Default, report.ServiceNow, report.Lansweeper)
	default:
		f.begin, err = parseSince(f.since, time.Now())
	}
	if err != nil {
		return &usageError{err}
	}
	return nil
}

func (f *inventoryFlags) run(c *cobra.Command, args []string, cfg *config.Config) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	all, err := f.find(c, cfg, append(f.from, args...))
	if err != nil {
		return err
	}
	all.devices = withOutlook(cfg, all.devices, c.ErrOrStderr())
	all.devices = only(all.devices, func(d *inventory.Device) bool { return !d.LastSeen.Before(f.begin) })
	leftOut := 0
	if f.leavesStrangersOut(c) {
		all.devices = withoutStrangers(all.devices, &leftOut)
	}
	defer func() {
		if leftOut > 0 {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s of sessions in which nobody logged in left out: --strangers lists them.\n",
				plural(leftOut, "source"))
		}
	}()
	csv := report.CSVOptions{Columns: report.Columns(f.columns), Separator: separators()[f.separator]}
	return printing{cfg: cfg, csv: csv, currency: f.currency, part: !f.begin.IsZero()}.print(c.OutOrStdout(), f.format, all)
}

// leavesStrangersOut tells whether strangers are not listed: json has them unless told otherwise, and html counts them apart.
func (f *inventoryFlags) leavesStrangersOut(c *cobra.Command) bool {
	return !f.strangers && (f.format == "table" || f.format == "csv" || c.Flags().Changed("strangers"))
}

// withoutStrangers are the devices without the strangers, which are counted in leftOut: a source that is not served is none.
func withoutStrangers(devices iter.Seq[inventory.Device], leftOut *int) iter.Seq[inventory.Device] {
	return func(yield func(inventory.Device) bool) {
		for d := range devices {
			if d.Account == inventory.Stranger && !d.NotServed {
				*leftOut++
			} else if !yield(d) {
				return
			}
		}
	}
}

// only are the devices that hold is true of.
func only(devices iter.Seq[inventory.Device], hold func(*inventory.Device) bool) iter.Seq[inventory.Device] {
	return func(yield func(inventory.Device) bool) {
		for d := range devices {
			if hold(&d) && !yield(d) {
				return
			}
		}
	}
}

// find gets the inventory from where it was asked for.
func (f *inventoryFlags) find(c *cobra.Command, cfg *config.Config, from []string) (all found, err error) {
	if len(from) > 0 {
		return readLogs(c, from, f.format == "html")
	}
	err = withStock(c.Context(), cfg, func(s control.Stock) (err error) {
		q := inventory.Query{NotServedSince: time.Now().Add(-inventory.NotServedAfter)}
		all, err = read(c.Context(), s, q, f.format == "html")
		return err
	})
	return all, err
}

// read finds the devices that q is about, and where it is asked for what html prints besides.
func read(ctx context.Context, r inventory.Reader, q inventory.Query, totals bool) (all found, err error) {
	devices, _, err := r.Devices(ctx, q)
	if err != nil {
		return all, err
	}
	all.devices = slices.Values(devices)
	if totals {
		all.days, all.totals, err = readFigures(ctx, r)
	}
	return all, err
}

// readFigures finds what html prints besides the devices.
func readFigures(ctx context.Context, r inventory.Reader) ([]inventory.Day, inventory.Totals, error) {
	days, err := r.Days(ctx, "", time.Time{})
	if err != nil {
		return nil, inventory.Totals{}, err
	}
	totals, err := r.Totals(ctx)
	return days, totals, err
}

// light are devices without what no report shows of them: of 50,000 it would be most of the memory.
func light(devices iter.Seq[inventory.Device]) iter.Seq[inventory.Device] {
	return func(yield func(inventory.Device) bool) {
		for d := range devices {
			d.Hello, d.ClientID, d.Evidence = nil, nil, nil
			if !d.NotServed {
				d.Advice = nil
			}
			if !yield(d) {
				return
			}
		}
	}
}

// parseSince reads a date, a time or a duration before now; empty is the beginning of time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil { //nolint:gosmopolitan // who types a date means their own
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 30d, 2026-11-01 or 2026-11-01T08:00:00Z", text)
}

// printing says how an inventory is printed.
type printing struct {
	cfg      *config.Config
	csv      report.CSVOptions
	currency string
	part     bool // of the devices: what the plan comes to cannot be told
}

func (p printing) print(w io.Writer, format string, all found) error {
	switch format {
	case "json":
		return report.JSON(w, all.devices)
	case "csv":
		return report.CSV(w, all.devices, p.csv)
	case "html":
		return report.HTML(w, report.Report{Bridge: p.cfg.Name, Now: time.Now(), Zone: p.cfg.Timezone, Clauses: report.Clauses(),
			Devices: slices.Collect(light(all.devices)), Days: all.days, Totals: all.totals, Contact: p.cfg.Contact, Currency: p.currency})
	}
	devices := slices.Collect(all.devices)
	if err := printTable(w, devices); err != nil || p.part {
		return err
	}
	return printPlan(w, devices, time.Now().In(p.cfg.Timezone))
}

// printPlan tells below a table how far the fleet is.
func printPlan(w io.Writer, devices []inventory.Device, now time.Time) error {
	b := burndown.New(now)
	for i := range devices {
		b.Add(&devices[i])
	}
	b.End()
	said := b.Sentences()
	if said == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(said, "\n"))
	return err
}

// printTable prints devices for people.
func printTable(w io.Writer, devices []inventory.Device) error {
	if len(devices) == 0 {
		_, err := fmt.Fprintln(w, "There is no such device yet. Each one is listed when it has connected.")
		return err
	}
	return report.Table(w, devices, terminal.Width(w))
}

func newInventoryRebuild() *cobra.Command {
	return onStock(&cobra.Command{
		Use:   "rebuild",
		Short: "Make the store anew from the journal",
		Long: `Empties the store and makes it anew from the journal, with everything that people set: after the store was damaged, or
lost. The bridge may run meanwhile; its sessions go on. Several bridges that share a PostgreSQL make their parts anew
within a minute.`,
		Example: "  drawbridge inventory rebuild --config drawbridge.yaml",
	}, func(c *cobra.Command, _ []string, s control.Stock) error {
		began := time.Now()
		if err := s.Rebuild(c.Context()); err != nil {
			return err
		}
		_, total, err := s.Devices(c.Context(), inventory.Query{Limit: 1})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "The store was made anew from the journal in %s: %s.\n",
			time.Since(began).Round(time.Millisecond), plural(total, "device"))
		return err
	})
}
