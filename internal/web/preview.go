package web

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// maxPreview is how many sessions of a device a preview decides anew: the latest ones of the last previewDays.
const (
	maxPreview  = 25
	previewDays = 7
)

// previewPage shows what a move would do, before it is made.
type previewPage struct {
	Devices           []previewed
	Action            string // where the form goes
	Fields            []pair // of the form
	Values            []pair // as people read them
	Back              string
	Blocking          int  // devices that it blocks at once: a box must be ticked
	Replayed          bool // the rules are known
	Sessions, Changed int
	Days, PerDevice   int
	Was, Would        []share
	Needing           int // of the devices
}

// previewed is one device of a preview.
type previewed struct {
	ID                string
	Readiness         string
	LastSeen          time.Time
	Needs             bool
	Now, Then         Treatment
	Sessions, Changed int
	Next              *Step // after the move
}

// preview shows what a move would do. Its form goes to action.
func (d *dashboard) preview(w http.ResponseWriter, r *http.Request, m *move, action string) {
	from := sourceOf(r)
	if !d.enterList(r.Context(), from) {
		refuseForNow(w, listWait)
		d.fail(w, r, http.StatusServiceUnavailable, "Other lists and exports are being made: try again in some seconds. Nothing was changed.")
		return
	}
	defer d.lists.Release(from)
	p, err := d.readPreview(r.Context(), m)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	p.Action, p.Fields = action, m.fields()
	d.render(w, r, http.StatusOK, "preview", "Preview", p)
}

// fields are those of the form that makes a move as it was asked for.
func (m *move) fields() []pair {
	if m.each != nil {
		fields := []pair{{"action", "undo"}}
		for _, was := range m.form["was"] {
			fields = append(fields, pair{"was", was})
		}
		return fields
	}
	action := "apply"
	if m.form.Get("action") == "set" { // of a device's page
		action = "set"
	}
	fields := []pair{{"action", action}, {"back", m.back}}
	for _, id := range m.ids {
		fields = append(fields, pair{"id", id})
	}
	for _, key := range append(inventory.Settings[:], "clear") {
		for _, v := range m.form[key] {
			fields = append(fields, pair{key, v})
		}
	}
	return fields
}

// readPreview decides the last week's sessions of the devices anew.
func (d *dashboard) readPreview(ctx context.Context, m *move) (*previewPage, error) {
	p := &previewPage{Back: m.back, Days: previewDays, PerDevice: maxPreview, Replayed: d.Migration != nil}
	for _, key := range inventory.Settings {
		if v, asked := m.values[key]; asked {
			p.Values = append(p.Values, pair{label(key), cmp.Or(v, "not set")})
		}
	}
	devices, now, then, err := d.readMoved(ctx, m)
	if err != nil {
		return nil, err
	}
	was, would := make(map[inventory.Stage]int64), make(map[inventory.Stage]int64)
	for i := range devices {
		one := d.previewOf(&devices[i], now, then)
		if err := d.replay(ctx, &one, then, was, would); err != nil {
			return nil, err
		}
		if p.add(&one); m.blocks(m.ids[i], one.Now, one.Then) {
			p.Blocking++
		}
	}
	nowhere, class := func(inventory.Stage) string { return "" }, toneClass[inventory.Stage]
	p.Was, p.Would = shares(was, order[inventory.Stage](words.Stages()), nowhere, class), shares(would, order[inventory.Stage](words.Stages()), nowhere, class)
	return p, nil
}

func (p *previewPage) add(one *previewed) {
	p.Devices = append(p.Devices, *one)
	p.Sessions, p.Changed = p.Sessions+one.Sessions, p.Changed+one.Changed
	if one.Needs {
		p.Needing++
	}
}

// rules are those of the configuration if this were set; nil where they are not known.
func (d *dashboard) rules(set map[string]inventory.Plan) *Migration {
	if d.Migration == nil {
		return nil
	}
	return d.Migration(set)
}

func (d *dashboard) previewOf(dev *inventory.Device, now, then *Migration) previewed {
	one := previewed{ID: dev.ID, Readiness: dev.Readiness, LastSeen: dev.LastSeen, Needs: needsBridge(dev)}
	if then == nil {
		return one
	}
	at := d.Now()
	one.Now, one.Then = now.decide(dev, at), then.decide(dev, at)
	if steps := then.Ahead(dev, at, at.AddDate(0, 0, aheadDays)); len(steps) > 0 {
		one.Next = &steps[0]
	}
	return one
}

// replay decides the latest sessions of a device anew, and counts by stage what they got and what they would have got.
func (d *dashboard) replay(ctx context.Context, one *previewed, then *Migration, was, would map[inventory.Stage]int64) error {
	if then == nil {
		return nil
	}
	stored, err := d.Reader.Sessions(ctx, inventory.SessionQuery{Device: one.ID, Limit: maxPreview})
	if err != nil {
		return err
	}
	since := d.Now().AddDate(0, 0, -previewDays)
	for _, s := range stored {
		if s.StartedAt.Before(since) {
			break // the latest come first
		}
		before, after, ok := then.Replay(s.Record)
		if !ok {
			continue
		}
		one.Sessions++
		was[before.Stage]++
		would[after.Stage]++
		if before.differs(&after) {
			one.Changed++
		}
	}
	return nil
}
