package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"drawbridge/inventory"
)

// frame is what every page shows around its own part, Page.
type frame struct {
	Name, Title     string
	Path            string
	Bridge, Version string
	LoggedIn        bool // and can log out
	Locked          bool // a login is needed first
	CanWrite        bool
	ReadOnly        string // why nothing can be changed
	Warnings        []string
	Migration       bool // there is a page Migration
	Page            any
}

func (d *dashboard) frame(r *http.Request, name, title string, page any) frame {
	in := d.gate != nil && d.logins.GetBool(r.Context(), loggedIn)
	f := frame{
		Name: name, Title: title, Path: r.URL.Path, Bridge: d.Bridge, Version: d.Version,
		LoggedIn: in, Locked: d.gate != nil && !in, Page: page, Migration: d.Migration != nil,
	}
	switch {
	case d.gate == nil:
		f.ReadOnly = readOnlyText
	case d.Editor == nil:
		f.ReadOnly = noEditorText
	default:
		f.CanWrite = in
	}
	if !f.Locked {
		f.Warnings = d.warnings()
	}
	return f
}

func (d *dashboard) warnings() []string {
	all := d.Readiness().Warnings
	if d.Warnings != nil {
		all = append(all[:len(all):len(all)], d.Warnings()...) // a copy: the list is whose Readiness it is
	}
	return all
}

// render answers with a page, made whole before its first byte goes out.
func (d *dashboard) render(w http.ResponseWriter, r *http.Request, status int, name, title string, page any) {
	var b bytes.Buffer
	if err := d.pages.ExecuteTemplate(&b, name, d.frame(r, name, title, page)); err != nil {
		d.Log.Error("the dashboard cannot make a page", zap.String("page", name), zap.Error(err))
		http.Error(w, "this page could not be made, the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// failPage says what went wrong.
type failPage struct {
	Status int
	Text   string
}

// fail answers with one sentence, as a page or, in the API, as JSON.
func (d *dashboard) fail(w http.ResponseWriter, r *http.Request, status int, text string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeJSON(w, status, apiError{Error: text})
		return
	}
	d.render(w, r, status, "fail", http.StatusText(status), failPage{status, text})
}

// failReading answers where the inventory could not be read or changed.
func (d *dashboard) failReading(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, inventory.ErrNoDevice):
		d.fail(w, r, http.StatusNotFound, "The inventory has no such device. It may have been removed, or its address has changed.")
	case errors.Is(err, context.Canceled):
		d.fail(w, r, http.StatusServiceUnavailable, "The request was given up.") // nobody reads this
	case errors.Is(err, context.DeadlineExceeded):
		d.Log.Warn("the inventory is slow", zap.String("pattern", r.Pattern), zap.Error(err))
		d.fail(w, r, http.StatusServiceUnavailable, "The inventory took too long to answer. Try again, or select fewer devices.")
	default:
		d.Log.Error("the dashboard cannot use the inventory", zap.String("pattern", r.Pattern), zap.Error(err))
		d.fail(w, r, http.StatusInternalServerError,
			"The inventory cannot be used at the moment; the log says why. Devices are served all the same.")
	}
}

func (d *dashboard) showNothing(w http.ResponseWriter, r *http.Request) {
	d.fail(w, r, http.StatusNotFound, "There is no such page.")
}

func (d *dashboard) functions() template.FuncMap {
	return template.FuncMap{
		"p":        func(v any) string { return inventory.Printable(fmt.Sprint(v)) },
		"short":    short,
		"asset":    d.assetURL,
		"device":   func(id string) string { return deviceURL("/devices/", id) },
		"ago":      d.ago,
		"exact":    d.exact,
		"day":      d.day,
		"machine":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"until":    d.until,
		"state":    d.certificateState,
		"label":    label,
		"tone":     func(word any) string { return toneClass(fmt.Sprint(word)) },
		"bytes":    byteSize,
		"number":   number,
		"join":     strings.Join,
		"fields":   fields,
		"settings": func() []string { return inventory.Settings[:] },
	}
}

// fields makes one value of several for a template that needs them: names and values in turn.
func fields(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// asset is a file that pages load.
type asset struct {
	body        []byte
	contentType string
	version     string // changes with the body, so that browsers may keep it for good
}

// loadAssets reads the embedded files, which are there or the program would not have been built.
func loadAssets() map[string]asset {
	all := make(map[string]asset)
	entries, _ := assetFiles.ReadDir("assets")
	for _, e := range entries {
		body, _ := assetFiles.ReadFile("assets/" + e.Name())
		sum := sha256.Sum256(body)
		extension := path.Ext(e.Name())
		all[e.Name()] = asset{body, cmp.Or(contentTypes[extension], mime.TypeByExtension(extension)), hex.EncodeToString(sum[:6])}
	}
	return all
}

// contentTypes do not ask the machine's own table, which may lack them.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assetURL returns where a page loads an asset from.
func (d *dashboard) assetURL(name string) string {
	return "/assets/" + name + "?v=" + d.assets[name].version
}

func (d *dashboard) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := d.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	// A page of another version of the program asks for an asset that is not this one: it must not be kept.
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.body)
}
