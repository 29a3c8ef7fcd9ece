package main

import (
	"fmt"
	"io"
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
	if len(all.Differences) == 0 {
		_, err := fmt.Fprintf(w, "The rules would treat all %s as they were.\n", plural(all.Sessions, "session"))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "DEVICE\tSESSIONS\tWAS\tWOULD BE\tBY\t")
	moves := 0
	for _, d := range all.Differences {
		note := ""
		if d.Needs && d.Would.Stage == inventory.StageBlock {
			note = "cannot do without the bridge"
		}
		if d.Moves {
			moves++
		}
		by := d.Would.Rules["stage"]
		if d.Was.Upstream != d.Would.Upstream {
			by = d.Would.Rules["upstream"]
		}
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", inventory.Printable(d.Device), d.Sessions, treatment(&d.Was), treatment(&d.Would), by, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s would be treated otherwise; %d of them cannot work without the bridge and would be refused. %s decided anew.\n",
		plural(len(all.Differences), "device"), all.Needing(), plural(all.Sessions, "session"))
	if err != nil {
		return err
	}
	return printAdvice(w, 0, moves)
}

func treatment(t *migration.Treatment) string {
	text := inventory.Printable(t.Upstream) + ", " + string(t.Stage)
	if t.WouldStage != "" {
		text += " (dry run of " + string(t.WouldStage) + ")"
	}
	return text
}
