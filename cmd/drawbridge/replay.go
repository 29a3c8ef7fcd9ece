package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/migration"
	"drawbridge/inventory"
)

// replayPage is how many sessions are read at once.
const replayPage = 1000

// replayed decides the recorded sessions anew.
func (a *asked) replayed(c *cobra.Command, cfg *config.Config, rules *ruleBook, at time.Time) error {
	period, err := config.ParseDuration(a.replay)
	if err != nil {
		return err
	}
	if a.at == "" {
		at = time.Time{} // each session at its own time
	}
	if _, err := rules.withDevices(c, cfg, func(*inventory.Device) {}); err != nil {
		return err
	}
	var all migration.Replay
	err = withStock(c.Context(), cfg, func(s control.Stock) error { return replaySessions(c, s, rules, &all, time.Now().Add(-period), at) })
	if err != nil {
		return err
	}
	all.End()
	return answer(c, all, func(w io.Writer) error { return printReplay(w, &all) })
}

// replaySessions reads sessions, the latest first, until since.
func replaySessions(c *cobra.Command, s control.Stock, rules *ruleBook, all *migration.Replay, since, at time.Time) error {
	q := inventory.SessionQuery{Limit: replayPage}
	for {
		page, err := s.Sessions(c.Context(), q)
		if err != nil {
			return err
		}
		for i := range page {
			if page[i].StartedAt.Before(since) {
				return nil
			}
			rec, err := migration.ParseRecord(page[i].Record)
			if err != nil {
				return err
			}
			all.Add(rules.Rules, &rec, at)
		}
		if len(page) < replayPage {
			return nil
		}
		last := &page[len(page)-1]
		q.Before, q.BeforeID = last.StartedAt, last.ID
	}
}

func printReplay(w io.Writer, all *migration.Replay) error {
	if all.Sessions == 0 {
		_, err := fmt.Fprintln(w, "No recorded session of that time came as far as the rules, so there is nothing to compare.")
		return err
	}
	if len(all.Differences) == 0 {
		_, err := fmt.Fprintf(w, "%s decided anew: nothing would be otherwise.\n", plural(all.Sessions, "session"))
		return err
	}
	moves, err := printDifferences(w, all.Differences)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s decided anew: %s would be treated otherwise%s.\n", plural(all.Sessions, "session"),
		plural(len(all.Differences), "device"), refusedOf(all.Needing()))
	if err != nil {
		return err
	}
	return printAdvice(w, 0, moves)
}

// refusedOf tells how many devices would be refused that have no other way to their mail.
func refusedOf(n int) string {
	if n == 0 {
		return ", and none that cannot work without the bridge would be refused"
	}
	return fmt.Sprintf("; %d of them cannot work without the bridge and would be refused", n)
}

// printDifferences prints a table, a line for each device, and tells how many mailboxes move.
func printDifferences(w io.Writer, differences []migration.Difference) (moves int, err error) {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "DEVICE\tSESSIONS\tWAS\tWOULD BE\tRULE\t")
	for i := range differences {
		d := &differences[i]
		note := ""
		if d.CutsOff() {
			note = "cannot work without the bridge"
		}
		if d.Moves {
			moves++
		}
		other := d.Was.OtherMailbox(&d.Would)
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", inventory.Printable(d.Device), d.Sessions, treatment(&d.Was, other),
			treatment(&d.Would, other), d.Rule, note)
	}
	_ = t.Flush()
	return moves, printTrimmed(w, table.String())
}

// treatment tells one to people, with its mailbox where that is what differs.
func treatment(t *migration.Treatment, withMailbox bool) string {
	text := inventory.Printable(t.Upstream)
	if withMailbox {
		text += ", mailbox " + inventory.Printable(t.Mailbox)
	}
	text += ", " + string(t.Stage)
	if t.WouldStage != "" {
		text += " (dry run of " + string(t.WouldStage) + ")"
	}
	return text
}
