package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func newDevice() *cobra.Command {
	c := &cobra.Command{
		Use:   "device",
		Short: "The inventory's devices: list, show and set what is planned for them",
		Long: `The devices of the inventory. An id is source/account, such as 10.20.3.7/scanner1; source/- stands for those who never
logged in from there. Changes hold at once, whether the bridge runs or not, and the history keeps who made them.`,
		Example: `  drawbridge device list --readiness legacy --owner ""
  drawbridge device set 10.20.3.7/scanner1 --owner Radiology --deadline 2027-03-01
  drawbridge device show 10.20.3.7/scanner1`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "trace" {
				return notBuiltYet(c.CommandPath() + " trace")
			}
			return noArguments(c, args)
		},
	}
	c.AddCommand(newDeviceList(), newDeviceShow(), newDeviceSet(), newDeviceMerge(), newDeviceImport(), newDeviceRemove())
	return c
}

// onStock adds --config to a command, and has do run it with the inventory of the configuration that it names.
func onStock(c *cobra.Command, do func(c *cobra.Command, args []string, s control.Stock) error) *cobra.Command {
	return configured(c, func(c *cobra.Command, args []string, cfg *config.Config) error {
		return withStock(c.Context(), cfg, func(s control.Stock) error { return do(c, args, s) })
	})
}

// unknownDevice says what to do about an id that the inventory does not have.
func unknownDevice(id string, err error) error {
	if errors.Is(err, inventory.ErrNoDevice) {
		return fmt.Errorf("the inventory has no device %q: drawbridge device list shows their ids, source/account", inventory.Printable(id))
	}
	return err
}

func newDeviceList() *cobra.Command {
	var q inventory.Query
	var readiness, stages, categories, steps []string
	c := withJSON(&cobra.Command{
		Use:     "list",
		Short:   "List devices",
		Example: `  drawbridge device list --readiness legacy,obsolete --sort last_seen --descending`,
		PreRunE: func(*cobra.Command, []string) error {
			return checkQuery(readiness, stages, categories, steps, q.DueBefore, q.Sort)
		},
	})
	flags := c.Flags()
	flags.StringVar(&q.Search, "search", "", "only those with `TEXT` in id, names, MAC, vendor, or what people set, such as owner or ticket")
	flags.StringSliceVar(&readiness, "readiness", nil, "only ready, legacy, obsolete, unknown")
	flags.StringSliceVar(&stages, "stage", nil, "only bridge, warn, brownout, block")
	flags.StringSliceVar(&categories, "category", nil, "only such as printer_scanner, medical")
	flags.StringSliceVar(&steps, "next-step", nil, "only such as repoint, enable_tls, update, replace")
	flags.StringArrayVar(&q.Owners, "owner", nil, `only of this owner; "" is those without one`)
	flags.StringVar(&q.DueBefore, "due-before", "", "only with a deadline before a `DATE`")
	flags.StringVar(&q.Sort, "sort", "", "sort by "+strings.Join(inventory.SortKeys[:], ", "))
	flags.BoolVar(&q.Descending, "descending", false, "the other way round")
	return onStock(c, func(c *cobra.Command, _ []string, s control.Stock) error {
		q.Readiness, q.Stages = readiness, asTyped[inventory.Stage](stages)
		q.Categories, q.Steps = asTyped[inventory.Category](categories), asTyped[inventory.NextStep](steps)
		devices, _, err := s.Devices(c.Context(), q)
		if err != nil {
			return err
		}
		if wantsJSON(c) {
			return report.JSON(c.OutOrStdout(), slices.Values(devices))
		}
		return printTable(c.OutOrStdout(), devices)
	})
}

// checkQuery refuses words that no device can have: a list that is empty because of a slip reads as if all were done.
func checkQuery(readiness, stages, categories, steps []string, due, sort string) error {
	for _, list := range []struct {
		flag         string
		given, known []string
	}{
		{"readiness", readiness, []string{"ready", "legacy", "obsolete", "unknown"}},
		{"stage", stages, asTyped[string](inventory.Stages())},
		{"category", categories, asTyped[string](inventory.Categories[:])},
		{"next-step", steps, asTyped[string](inventory.NextSteps())},
		{"sort", []string{sort}, append(slices.Clone(inventory.SortKeys[:]), "")},
	} {
		for _, word := range list.given {
			if !slices.Contains(list.known, word) {
				return &usageError{fmt.Errorf("--%s: %q is none of %s", list.flag, word, strings.Join(list.known, ", "))}
			}
		}
	}
	if due != "" {
		if _, err := inventory.ParseSetting(inventory.KeyDeadline, due); err != nil {
			return &usageError{fmt.Errorf("--due-before: %q is no date such as 2027-03-01", due)}
		}
	}
	return nil
}

// asTyped are words as their type.
func asTyped[T, F ~string](words []F) []T {
	var all []T
	for _, w := range words {
		all = append(all, T(w))
	}
	return all
}

// shownDevice is what `drawbridge device show --json` prints.
type shownDevice struct {
	inventory.Device
	History []inventory.Change `json:"history"`
}

func newDeviceShow() *cobra.Command {
	return onStock(withJSON(&cobra.Command{
		Use:     "show ID",
		Short:   "Show all that is known of a device",
		Example: "  drawbridge device show 10.20.3.7/scanner1",
		Args:    oneArgument("device"),
	}), func(c *cobra.Command, args []string, s control.Stock) error {
		d, err := s.Device(c.Context(), args[0])
		if err != nil {
			return unknownDevice(args[0], err)
		}
		history, err := s.History(c.Context(), d.ID)
		if err != nil {
			return err
		}
		return answer(c, shownDevice{d, history}, func(w io.Writer) error { return showDevice(w, d, history) })
	})
}

// each has do change each of some devices, and tells what of those that were.
func each(c *cobra.Command, ids []string, done string, do func(id string) error) error {
	for _, id := range ids {
		if err := do(id); err != nil {
			return unknownDevice(id, err)
		}
		_, _ = fmt.Fprintf(c.OutOrStdout(), "%s %s.\n", inventory.Printable(id), done)
	}
	return nil
}

func newDeviceSet() *cobra.Command {
	given, set := make(map[string]*string), make(map[string]string)
	c := &cobra.Command{
		Use:   "set ID…",
		Short: "Set what is planned for devices",
		Long: `Sets stage, deadline, owner, category, priority, cost estimate, location, model, asset tag, ticket and note of one
device or several. An empty value clears one. A stage that is set comes before all rules: warn tells the device's user, block
refuses the device from its next login on. A deadline is a plan and blocks nothing.`,
		Example: `  drawbridge device set 10.20.3.7/scanner1 --owner Radiology --deadline 2027-03-01 --cost 450
  drawbridge device set 10.20.3.7/scanner1 --stage ""`,
		Args: atLeastOne("the id of a device"),
		PreRunE: func(c *cobra.Command, _ []string) error {
			for key, value := range given {
				if c.Flags().Changed(settingFlag(key)) {
					set[key] = *value
				}
			}
			if len(set) == 0 {
				return &usageError{fmt.Errorf("%s needs something to set, such as --owner Radiology", c.CommandPath())}
			}
			return nil
		},
	}
	for key, help := range settingHelp {
		given[key] = c.Flags().String(settingFlag(key), "", help)
	}
	return onStock(c, func(c *cobra.Command, args []string, s control.Stock) error {
		return each(c, args, "is set", func(id string) error { return s.Set(c.Context(), id, set, editedBy()) })
	})
}

// settingHelp tells what can be set.
var settingHelp = map[string]string{
	inventory.KeyStage:    "bridge, warn, brownout (which needs a rule's schedule to refuse) or block; empty: as the rules say",
	inventory.KeyDeadline: "by when it is to be off the bridge, such as 2027-03-01",
	inventory.KeyOwner:    "who answers for it",
	inventory.KeyCategory: "what it is, such as printer_scanner or medical; empty: as guessed",
	inventory.KeyPriority: "critical, high, normal or low",
	inventory.KeyCost:     "what its replacement is estimated to cost, such as 450",
	inventory.KeyLocation: "where it stands, such as 3rd floor, room 3.14",
	inventory.KeyModel:    "what it is, such as LaserJet 4250",
	inventory.KeyAssetTag: "its number in the asset register",
	inventory.KeyTicket:   "the order or change by which it is replaced, such as CHG0031337",
	inventory.KeyNote:     "anything else, in one line",
}

// settingFlag is the flag of one of inventory.Settings.
func settingFlag(key string) string { return strings.ReplaceAll(key, "_", "-") }

func newDeviceMerge() *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "merge FROM INTO",
		Short: "Tell that two rows are one device",
		Long: `Tells that two rows are one device, such as one whose address changed: FROM is counted with INTO from now on, what it
did before included. What is set of INTO counts, and where nothing is, what is set of FROM. --undo parts them again.`,
		Example: `  drawbridge device merge 10.20.3.7/scanner1 10.20.3.19/scanner1
  drawbridge device merge --undo 10.20.3.7/scanner1`,
		Args: func(c *cobra.Command, args []string) error {
			if want := map[bool]int{false: 2, true: 1}[undo]; len(args) != want {
				return &usageError{fmt.Errorf("%s needs two devices, or --undo and one", c.CommandPath())}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "part a device from the one it was merged into")
	return onStock(c, func(c *cobra.Command, args []string, s control.Stock) error {
		into, told := "", "is a device of its own again"
		if !undo {
			into, told = args[1], "is counted with "+inventory.Printable(args[1])
		}
		if err := s.Merge(c.Context(), args[0], into, editedBy()); err != nil {
			return unknownDevice(args[0], err)
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s %s.\n", inventory.Printable(args[0]), told)
		return err
	})
}

func newDeviceRemove() *cobra.Command {
	return onStock(&cobra.Command{
		Use:   "remove ID…",
		Short: "Take devices off the list",
		Long: `Takes devices off the list, and forgets what was set for them. One that comes again is listed again, with what it did
before: that it was removed and came back stands in its history.`,
		Example: "  drawbridge device remove 10.20.3.7/scanner1",
		Args:    atLeastOne("the id of a device"),
	}, func(c *cobra.Command, args []string, s control.Stock) error {
		return each(c, args, "is off the list", func(id string) error { return s.Remove(c.Context(), id, editedBy()) })
	})
}

// showDevice prints a device for people.
func showDevice(w io.Writer, d inventory.Device, history []inventory.Change) error {
	t := &sheet{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row("device", d.ID)
	t.row("merged", strings.Join(d.MergedIDs, ", "))
	t.row("address", d.SourceIP, d.SourceName)
	t.row("adapter", d.SourceMAC, d.Vendor)
	t.row("says of itself", d.Description, clientIDOf(d.ClientID))
	t.row("mailbox", d.Mailbox)
	t.row("tried as", d.ClaimedAccount)
	t.row("category", string(d.Category), map[bool]string{true: "(as set)"}[d.CategorySet])
	t.row("TLS stack", d.Stack)
	t.row("speaks", d.Protocol, d.TLSMode, d.TLSVersion, d.TLSCipher)
	t.row("logs in by", d.AuthMechanism)
	t.row("readiness", d.Readiness, strings.Join(d.Blockers, " "))
	t.row("stage", string(d.Stage), map[bool]string{true: "(as set)"}[d.StageSet])
	t.row("deadline", d.Deadline)
	t.row("owner", d.Owner)
	t.row("priority", d.Priority)
	t.row("cost", d.Cost)
	t.row("location", d.Location)
	t.row("model", d.Model)
	t.row("asset tag", d.AssetTag)
	t.row("ticket", d.Ticket)
	t.row("note", d.Note)
	t.row("seen", span(d.FirstSeen, d.LastSeen))
	t.row("sessions", fmt.Sprint(d.Sessions), "of which bridged", fmt.Sprint(d.Outcomes[inventory.OutcomeBridged]))
	for _, v := range d.TLSVersions {
		t.row("TLS "+v.Version, fmt.Sprint(v.Sessions), "sessions,", span(v.FirstSeen, v.LastSeen))
	}
	if d.LastReasonAt != nil {
		t.row("last reason", shownTime(*d.LastReasonAt), d.LastReason)
	}
	t.row("upstream said", d.UpstreamSays)
	t.row("next step", string(d.NextStep))
	for _, a := range d.Advice {
		t.row("", a.Text, a.URL)
	}
	for _, e := range d.Evidence {
		t.row("evidence", e)
	}
	for _, c := range history {
		t.row("history", shownTime(c.Time), c.By+":", c.Key, cmp.Or(c.Old, "nothing"), "→", cmp.Or(c.New, "nothing"))
	}
	return t.w.Flush()
}

// clientIDOf shows an IMAP ID for people.
func clientIDOf(id json.RawMessage) string {
	var pairs map[string]string
	if json.Unmarshal(id, &pairs) != nil {
		return ""
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		words = append(words, key+" "+pairs[key])
	}
	return strings.Join(words, ", ")
}

// sheet is a list of named values, in which those that say nothing are left out.
type sheet struct{ w *tabwriter.Writer }

func (s *sheet) row(name string, values ...string) {
	text := strings.Join(strings.Fields(strings.Join(values, " ")), " ")
	if text == "" {
		return
	}
	_, _ = fmt.Fprintf(s.w, "%s\t%s\n", name, inventory.Printable(text)) // Flush tells
}

func span(first, last time.Time) string {
	if first.IsZero() {
		return "never"
	}
	return shownTime(first) + " to " + shownTime(last)
}

func shownTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04") } //nolint:gosmopolitan // for a person at this machine
