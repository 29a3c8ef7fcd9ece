package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// devicePage is what /devices/ID shows.
type devicePage struct {
	Device   inventory.Device
	URL      string // of this page
	Stranger bool
	AskedFor string // another id of it, by which it was asked for
	Hello    helloView
	ClientID []pair
	Uses     []use
	Outcomes []share
	Days     plot
	Sessions []sessionRow
	History  []inventory.Change // the latest first
	Form     form
	Rules    *deviceRules // nil: not known, or a stranger, whom no rule is for
	Merge    mergeForm
	Said     string
}

// use is what a device did with one TLS version.
type use struct {
	inventory.VersionUse
	Weak bool
}

// mergeForm names the device that this one is.
type mergeForm struct{ Into, Fault string }

// Bounds of a device's page.
const (
	deviceSessions = 25
	deviceHistory  = 200
	deviceDays     = 90
)

func (d *dashboard) showDevice(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == "" {
		http.Redirect(w, r, "/devices", http.StatusSeeOther)
		return
	}
	p, err := d.readDevice(r.Context(), id)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	if r.URL.Query().Has("remove") {
		d.render(w, r, http.StatusOK, "remove", "Remove device", p)
		return
	}
	p.Said = map[string]string{"set": "Saved.", "merge": "Merged.", "unmerge": "It is a device of its own again."}[r.URL.Query().Get("done")]
	d.render(w, r, http.StatusOK, "device", p.Device.ID, p)
}

func (d *dashboard) readDevice(ctx context.Context, id string) (*devicePage, error) {
	dev, err := d.Reader.Device(ctx, id)
	if err != nil {
		return nil, err
	}
	p := &devicePage{
		Device: dev, URL: deviceURL("/devices/", dev.ID), Stranger: dev.Account == inventory.Stranger,
		Hello: readHello(dev.Hello), ClientID: readPairs(dev.ClientID),
	}
	if id != dev.ID {
		p.AskedFor = id
	}
	stored, err := d.Reader.Sessions(ctx, inventory.SessionQuery{Device: dev.ID, Limit: deviceSessions})
	if err != nil {
		return nil, err
	}
	p.Sessions = sessionRows(stored)
	days, err := d.Reader.Days(ctx, dev.ID, d.Now().AddDate(0, 0, -deviceDays))
	if err != nil {
		return nil, err
	}
	p.Days = plotDays(days, deviceDays, d.Now())
	if p.History, err = d.Reader.History(ctx, dev.ID); err != nil {
		return nil, err
	}
	p.fill()
	p.Rules = d.rulesOf(&dev)
	set := dev.Settings()
	p.Form = d.settingsForm(func(key string) string { return set[key] }, nil)
	return p, nil
}

func (p *devicePage) fill() {
	p.History = slices.Clone(p.History)
	slices.SortStableFunc(p.History, func(a, b inventory.Change) int { return b.Time.Compare(a.Time) })
	p.History = p.History[:min(deviceHistory, len(p.History))]
	for _, u := range p.Device.TLSVersions {
		p.Uses = append(p.Uses, use{u, u.Version != "1.2" && u.Version != "1.3" && u.Version != "none"})
	}
	p.Outcomes = shares(p.Device.Outcomes, order[inventory.Outcome](words.Outcomes()), func(o inventory.Outcome) string {
		return "/sessions?" + url.Values{"device": {p.Device.ID}, "outcome": {string(o)}}.Encode()
	}, toneClass[inventory.Outcome])
}

// SessionsLink leads to the sessions of the device alone.
func (p *devicePage) SessionsLink() string {
	return "/sessions?" + url.Values{"device": {p.Device.ID}}.Encode()
}

// postDevice changes the device: what it is set to, which device it is, or that it is not listed any more.
func (d *dashboard) postDevice(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.fail(w, r, http.StatusBadRequest, "The form could not be read: write less.")
		return
	}
	dev, err := d.Reader.Device(r.Context(), r.PathValue("id"))
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	action := r.PostForm.Get("action")
	if action == "set" && d.askBlock(w, r, &dev) {
		return
	}
	if err = d.act(r.Context(), &dev, action, r.PostForm); err != nil {
		d.showRefused(w, r, dev.ID, action, err)
		return
	}
	d.forgetPlan()
	d.forgetFleet()
	http.Redirect(w, r, afterAction(&dev, action, r.PostForm), http.StatusSeeOther)
}

var errNoAction = errors.New("a form without an action of ours")

func (d *dashboard) act(ctx context.Context, dev *inventory.Device, action string, form url.Values) error {
	switch action {
	case "set":
		return d.set(ctx, dev.ID, changed(dev, formSettings(form)), byDashboard)
	case "merge":
		return d.merge(ctx, dev.ID, strings.TrimSpace(form.Get("into")))
	case "unmerge":
		return d.Editor.Merge(ctx, form.Get("from"), "", byDashboard)
	case "remove":
		return d.Editor.Remove(ctx, dev.ID, byDashboard)
	}
	return errNoAction
}

// merge says that a device is another one, which must be known, or a mistyped id would take the device away.
func (d *dashboard) merge(ctx context.Context, from, into string) error {
	other, err := d.Reader.Device(ctx, into)
	switch {
	case errors.Is(err, inventory.ErrNoDevice):
		return &inventory.SettingError{Key: inventory.KeyMerge, Value: into,
			Problem: "the inventory has no device of this id: copy it from the device's page"}
	case err != nil:
		return err
	case other.ID == from:
		return &inventory.SettingError{Key: inventory.KeyMerge, Value: into, Problem: "this is the device itself: name the other one"}
	}
	return d.Editor.Merge(ctx, from, other.ID, byDashboard)
}

// afterAction returns where to go next. A device that was merged is found by its old id too.
func afterAction(dev *inventory.Device, action string, form url.Values) string {
	switch action {
	case "remove":
		return "/devices"
	case "merge":
		return deviceURL("/devices/", strings.TrimSpace(form.Get("into"))) + "?done=merge"
	}
	return deviceURL("/devices/", dev.ID) + "?done=" + action
}

// showRefused shows the device again, with what was typed and why it was refused.
func (d *dashboard) showRefused(w http.ResponseWriter, r *http.Request, id, action string, refusal error) {
	if errors.Is(refusal, errNoAction) {
		d.fail(w, r, http.StatusBadRequest, "This form asks for nothing that can be done to a device.")
		return
	}
	wrong, ok := refused(refusal)
	if !ok {
		d.failReading(w, r, refusal)
		return
	}
	p, err := d.readDevice(r.Context(), id)
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	if action == "set" {
		p.Form = d.settingsForm(r.PostForm.Get, refusal)
	} else {
		p.Merge = mergeForm{r.PostForm.Get("into"), sentence(wrong.Problem)}
	}
	d.render(w, r, http.StatusUnprocessableEntity, "device", p.Device.ID, p)
}

// pair is a name and its value, both as sent.
type pair struct{ Name, Value string }

// readPairs reads an object of strings, sorted by name. Anything else gives none.
func readPairs(raw json.RawMessage) []pair {
	var m map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	var pairs []pair
	for _, name := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, pair{name, fmt.Sprint(m[name])})
	}
	return pairs
}

// helloView is what a page shows of a ClientHello.
type helloView struct {
	Format        string   `json:"format"`
	RecordVersion string   `json:"record_version"`
	MaxVersion    string   `json:"max_version"`
	ServerName    string   `json:"server_name"`
	Suites        []string `json:"suites"`
	Groups        []string `json:"groups"`
	Signatures    []string `json:"signatures"`
	JA3           string   `json:"ja3"`
	JA4           string   `json:"ja4"`
	Direct        bool     `json:"direct"`
}

// readHello reads the hello of a record, and names what has a name.
func readHello(raw json.RawMessage) helloView {
	var h helloView
	if len(raw) == 0 || json.Unmarshal(raw, &h) != nil {
		return helloView{}
	}
	name(h.Suites, tls.CipherSuiteName)
	name(h.Groups, func(code uint16) string { return tls.CurveID(code).String() })
	name(h.Signatures, func(code uint16) string { return tls.SignatureScheme(code).String() })
	return h
}

// name replaces codes of four hex digits by their names, as far as the standard library knows them.
func name(codes []string, of func(uint16) string) {
	for i, c := range codes {
		if n, err := strconv.ParseUint(c, 16, 16); err == nil {
			codes[i] = of(uint16(n))
		}
	}
}
