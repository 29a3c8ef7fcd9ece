package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drawbridge/inventory"
)

// edit is what one device is set to.
type edit struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"values"`
}

// move is a change of several devices that somebody asks for.
type move struct {
	ids    []string
	values map[string]string
	each   map[string]map[string]string // values by id, where a move is taken back; nil: those of all
	form   url.Values                   // as sent
	back   string
}

// of are the values that a device of the move is set to.
func (m *move) of(id string) map[string]string {
	if m.each != nil {
		return m.each[id]
	}
	return m.values
}

// readMove reads a form of devices and settings. The error says what is wrong with it, for people.
func readMove(form url.Values) (move, error) {
	m := move{ids: slices.Compact(slices.Sorted(slices.Values(form["id"]))), values: bulkSettings(form), form: form,
		back: localPath(form.Get("back"))}
	wrong := func(problem string) error {
		return &inventory.SettingError{Key: "Nothing was changed:", Problem: problem}
	}
	switch {
	case len(m.ids) == 0:
		return m, wrong("tick the devices to change first.")
	case len(m.values) == 0:
		return m, wrong("choose what to set.")
	case len(m.ids) > maxBulk:
		return m, wrong(fmt.Sprintf("select %d devices at most.", maxBulk))
	}
	return m, nil
}

// check refuses values as the Editor would, and makes the others what it keeps: by that is judged whether they block, however they were
// written.
func (m *move) check() error {
	for _, key := range inventory.Settings {
		v, asked := m.values[key]
		if !asked {
			continue
		}
		kept, err := inventory.ParseSetting(key, v)
		if err != nil {
			return err
		}
		m.values[key] = kept
	}
	return nil
}

// decides tells whether a move may change how devices are served.
func (m *move) decides() bool {
	return slices.ContainsFunc(m.ids, func(id string) bool {
		_, stage := m.of(id)[inventory.KeyStage]
		_, deadline := m.of(id)[inventory.KeyDeadline]
		return stage || deadline
	})
}

// blocks tells whether a move takes the device of an id its mail at once: as it says itself, or as the rules then do, by a deadline that
// is over or since a stage that was set keeps the device from a rule's block no more.
func (m *move) blocks(id string, now, then Treatment) bool {
	return m.of(id)[inventory.KeyStage] == string(inventory.StageBlock) ||
		then.Stage == inventory.StageBlock && now.Stage != inventory.StageBlock
}

// sure tells whether people were asked before and said yes.
func (m *move) sure() bool { return m.form.Get("sure") == "yes" }

// mustAsk tells whether people are asked before a move is made: one that blocks several devices, or one that was seen today.
func (d *dashboard) mustAsk(ctx context.Context, m *move) (bool, error) {
	if !m.decides() || m.sure() {
		return false, nil
	}
	devices, now, then, err := d.readMoved(ctx, m)
	if err != nil {
		return false, err
	}
	at, blocked := d.Now(), 0
	today := startOfDay(at.In(d.Zone))
	for i := range devices {
		if !m.blocks(m.ids[i], now.decide(&devices[i], at), then.decide(&devices[i], at)) {
			continue
		}
		if blocked++; blocked > 1 || !devices[i].LastSeen.Before(today) {
			return true, nil
		}
	}
	return false, nil
}

// readMoved reads the devices of a move, with the rules as they are and as they will be after it; nil where they are not known.
func (d *dashboard) readMoved(ctx context.Context, m *move) (devices []inventory.Device, now, then *Migration, err error) {
	devices = make([]inventory.Device, len(m.ids))
	set := make(map[string]inventory.Plan)
	for i, id := range m.ids {
		if devices[i], err = d.Reader.Device(ctx, id); err != nil {
			return nil, nil, nil, err
		}
		for _, id := range append([]string{devices[i].ID}, devices[i].MergedIDs...) {
			set[id] = planAfter(&devices[i], m.of(m.ids[i]))
		}
	}
	return devices, d.rules(nil), d.rules(set), nil
}

// planAfter is what people will have set for a device once it is set to values too.
func planAfter(dev *inventory.Device, values map[string]string) inventory.Plan {
	set := dev.Settings()
	maps.Copy(set, values)
	return inventory.Plan{Stage: inventory.Stage(set[inventory.KeyStage]), Deadline: set[inventory.KeyDeadline]}
}

// postMigration previews a move, makes it, or takes it back.
func (d *dashboard) postMigration(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.fail(w, r, http.StatusBadRequest, "The form could not be read: select fewer devices.")
		return
	}
	if r.PostForm.Get("action") == "undo" {
		d.undo(w, r)
		return
	}
	m, err := readMove(r.PostForm)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		d.showRefusedMove(w, r, m.back, err)
		return
	}
	ask, err := d.mustAsk(r.Context(), &m)
	switch {
	case err != nil:
		d.failReading(w, r, err)
	case ask || r.PostForm.Get("action") != "apply":
		d.preview(w, r, &m, "/migration")
	default:
		d.apply(w, r, &m)
	}
}

// showRefusedMove shows the choice of devices again, with what was typed and ticked.
func (d *dashboard) showRefusedMove(w http.ResponseWriter, r *http.Request, back string, refusal error) {
	if d.Migration == nil || strings.HasPrefix(back, "/devices") {
		d.showRefusedBulk(w, r, back, refusal)
		return
	}
	given := url.Values{}
	if u, err := url.Parse(back); err == nil {
		given = u.Query()
	}
	p, err := d.readMigration(r.Context(), given)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	p.Pick.Bulk = d.moveForm(r.PostForm.Get, refusal)
	p.Pick.Said = sentence(refusal.Error())
	p.Pick.Selected = make(map[string]bool)
	for _, id := range r.PostForm["id"] {
		p.Pick.Selected[id] = true
	}
	d.render(w, r, http.StatusUnprocessableEntity, "migration", "Migration", p)
}

// movedPage says what was changed, and offers to take it back.
type movedPage struct {
	Devices []string
	Values  []pair
	Undo    []string // an edit each, as JSON
	Back    string
}

// apply makes a move, and offers to take it back.
func (d *dashboard) apply(w http.ResponseWriter, r *http.Request, m *move) {
	p := &movedPage{Devices: m.ids, Back: m.back}
	edits := make([]edit, len(m.ids))
	for i, id := range m.ids {
		dev, err := d.Reader.Device(r.Context(), id)
		if err != nil {
			d.failReading(w, r, err)
			return
		}
		edits[i] = edit{id, m.values}
		p.Undo = append(p.Undo, backTo(&dev, m.values))
	}
	for _, key := range inventory.Settings {
		if v, asked := m.values[key]; asked {
			p.Values = append(p.Values, pair{label(key), cmp.Or(v, "not set")})
		}
	}
	if err := d.setAll(r.Context(), edits); err != nil {
		d.showRefusedMove(w, r, m.back, err)
		return
	}
	d.render(w, r, http.StatusOK, "moved", "Moved", p)
}

// backTo is the edit that gives a device back what it was set to.
func backTo(dev *inventory.Device, values map[string]string) string {
	e := edit{ID: dev.ID, Values: make(map[string]string)}
	set := dev.Settings()
	for key := range values {
		e.Values[key] = set[key]
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // texts can always be written
	}
	return string(text)
}

// undo takes a move back. Where that blocks devices it asks like a move.
func (d *dashboard) undo(w http.ResponseWriter, r *http.Request) {
	edits, err := readUndo(r.PostForm["was"])
	if err != nil {
		d.fail(w, r, http.StatusBadRequest, "This form does not say what to set back. Nothing was changed.")
		return
	}
	m := move{each: make(map[string]map[string]string), form: r.PostForm, back: "/migration"}
	for _, e := range edits {
		m.ids, m.each[e.ID] = append(m.ids, e.ID), e.Values
	}
	ask, err := d.mustAsk(r.Context(), &m)
	if err == nil && ask {
		d.preview(w, r, &m, "/migration")
		return
	}
	if err == nil {
		err = d.setAll(r.Context(), edits)
	}
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	to := "/migration?undone="
	if d.Migration == nil {
		to = "/devices?changed="
	}
	http.Redirect(w, r, to+strconv.Itoa(len(edits)), http.StatusSeeOther)
}

func readUndo(was []string) ([]edit, error) {
	if len(was) == 0 || len(was) > maxBulk {
		return nil, fmt.Errorf("undo %d devices", len(was))
	}
	edits := make([]edit, len(was))
	for i, text := range was {
		if err := json.Unmarshal([]byte(text), &edits[i]); err != nil {
			return nil, fmt.Errorf("read what to set back: %w", err)
		}
		for key, value := range edits[i].Values {
			kept, err := inventory.ParseSetting(key, value)
			if err != nil {
				return nil, err
			}
			edits[i].Values[key] = kept
		}
	}
	return edits, nil
}

// changedOf reads a number of changed devices from an address; 0 where it is none.
func changedOf(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= maxBulk {
		return n
	}
	return 0
}

func devicesText(n int) string {
	if n == 1 {
		return "1 device"
	}
	return strconv.Itoa(n) + " devices"
}
