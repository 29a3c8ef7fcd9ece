package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drawbridge/internal/watch"
	"drawbridge/inventory"
)

const byAPI = "admin by the API"

// maxDevicesAPI is how many devices one answer of the API has at most, and defaultDevicesAPI how many without limit.
const (
	defaultDevicesAPI = 100
	maxDevicesAPI     = 1000
	maxOffset         = 10_000_000
	maxDaysAPI        = 400
)

// endpoint is one line of the API's page.
type endpoint struct{ Method, Path, Parameters, Answer string }

// endpoints are what the API has, for its page and for API.md.
var endpoints = [...]endpoint{
	{"GET", "/api/totals", "", "the figures of the whole inventory"},
	{"GET", "/api/devices", "limit (100, at most 1000), offset, sort, desc, and the filters of the list",
		`{"devices":[…],"total":N}`},
	{"GET", "/api/devices/ID", "", "the device, with history"},
	{"POST", "/api/devices/ID", strings.Join(inventory.Settings[:], ", ") + " as JSON or as a form; empty takes a value back",
		"the device, with history"},
	{"GET", "/api/sessions", "device, outcome (repeatable), before (RFC 3339) and before_id to go on after a session, " +
		"limit (100, at most 1000)",
		`{"sessions":[…]}, the latest first`},
	{"GET", "/api/live", "", `{"sessions":[…]} that go on`},
	{"GET", "/api/days", "device (none: all together), days (30, at most 400)", `{"days":[…]}, the oldest first, days in UTC`},
	{"GET", "/api/upstreams", "", `{"upstreams":[…]}`},
	{"GET", "/api/certificates", "", `{"certificates":[…]}`},
}

func (d *dashboard) routeAPI(mux *http.ServeMux) {
	read := func(path string, h http.HandlerFunc) { mux.HandleFunc("GET "+path, d.program(pageTime, h)) }
	read("/api/totals", d.apiTotals)
	mux.HandleFunc("GET /api/devices", d.program(listTime, d.list(d.apiDevices)))
	read("/api/devices/{id...}", d.apiDevice)
	mux.HandleFunc("GET /api/sessions", d.program(listTime, d.list(d.apiSessions)))
	mux.HandleFunc("GET /api/live", d.program(listTime, d.list(d.apiLive)))
	read("/api/days", d.apiDays)
	read("/api/upstreams", apiList(d, "upstreams", d.Upstreams))
	read("/api/certificates", apiList(d, "certificates", d.Certificates))
	mux.HandleFunc("POST /api/devices/{id...}", d.program(pageTime, d.write(d.change(d.apiSet))))
	mux.HandleFunc("/api/", d.program(pageTime, d.showNothing))
}

func (d *dashboard) showAPI(w http.ResponseWriter, r *http.Request) {
	d.render(w, r, http.StatusOK, "api", "API", endpoints[:])
}

// apiError is what the API answers where it does not do what was asked. Key and Problem tell which setting is wrong.
type apiError struct {
	Error   string `json:"error"`
	Key     string `json:"key,omitempty"`
	Problem string `json:"problem,omitempty"`
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the program has gone
}

// answer answers with v, or with what went wrong in reading it.
func (d *dashboard) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func (d *dashboard) apiTotals(w http.ResponseWriter, r *http.Request) {
	totals, err := d.Reader.Totals(r.Context())
	d.answer(w, r, totals, err)
}

func (d *dashboard) apiDevices(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	f := parseFilter(v, d.Now().In(d.Zone))
	f.query.Limit = f.number(v.Get("limit"), "limit", defaultDevicesAPI, 1, maxDevicesAPI)
	f.query.Offset = f.number(v.Get("offset"), "offset", 0, 0, maxOffset)
	if len(f.Faults) > 0 {
		d.fail(w, r, http.StatusBadRequest, strings.Join(f.Faults, "; "))
		return
	}
	out := newList(w, "devices")
	total, err := d.Reader.EachDevice(r.Context(), f.query, func(dev *inventory.Device) error { return out.add(dev) })
	d.endList(out, w, r, fmt.Sprintf(`,"total":%d`, total), err)
}

// number reads a number within bounds.
func (f *filter) number(given, name string, standard, least, most int) int {
	if given == "" {
		return standard
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < least || n > most {
		f.fault("%s is a number from %d to %d", name, least, most)
		return standard
	}
	return n
}

// orEmpty makes an empty list [] in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// deviceAnswer is a device of the API, with its history, the oldest change first.
type deviceAnswer struct {
	inventory.Device
	History []inventory.Change `json:"history"`
}

func (d *dashboard) apiDevice(w http.ResponseWriter, r *http.Request) {
	dev, err := d.Reader.Device(r.Context(), r.PathValue("id"))
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	history, err := d.Reader.History(r.Context(), dev.ID)
	d.answer(w, r, deviceAnswer{dev, orEmpty(history)}, err)
}

// apiSet sets what the body names and leaves the rest.
func (d *dashboard) apiSet(w http.ResponseWriter, r *http.Request) {
	values, err := readSettings(r)
	if err != nil {
		d.fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	dev, err := d.Reader.Device(r.Context(), r.PathValue("id"))
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	err = d.set(r.Context(), dev.ID, changed(&dev, values), byAPI)
	if wrong, ok := refused(err); ok {
		writeJSON(w, http.StatusUnprocessableEntity, apiError{Error: wrong.Error(), Key: wrong.Key, Problem: wrong.Problem})
		return
	}
	if err != nil {
		d.failReading(w, r, err)
		return
	}
	d.apiDevice(w, r)
}

// readSettings reads a body of settings: an object of strings (or numbers, for the cost), or a form.
func readSettings(r *http.Request) (map[string]string, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	values := make(map[string]string)
	switch kind {
	case "application/json":
		dec := json.NewDecoder(r.Body)
		dec.UseNumber()
		var given map[string]any
		if err := dec.Decode(&given); err != nil || dec.More() {
			return nil, errors.New("the body is no JSON object of settings")
		}
		for key, v := range given {
			switch v := v.(type) {
			case string:
				values[key] = v
			case json.Number:
				values[key] = v.String()
			default:
				return nil, fmt.Errorf("%q is no text", inventory.Printable(key))
			}
		}
	case "application/x-www-form-urlencoded", "multipart/form-data":
		if err := r.ParseForm(); err != nil || kind == "multipart/form-data" {
			return nil, errors.New("the form could not be read: send application/x-www-form-urlencoded")
		}
		for key := range r.PostForm {
			values[key] = r.PostForm.Get(key)
		}
	default:
		return nil, errors.New("send the settings as application/json or application/x-www-form-urlencoded")
	}
	return values, knownKeys(values)
}

func knownKeys(values map[string]string) error {
	for key := range values {
		if !slices.Contains(inventory.Settings[:], key) {
			return fmt.Errorf("%q is no setting: it is one of %s", inventory.Printable(key), strings.Join(inventory.Settings[:], ", "))
		}
	}
	if len(values) == 0 {
		return errors.New("the body names no setting")
	}
	return nil
}

func (d *dashboard) apiSessions(w http.ResponseWriter, r *http.Request) {
	var f filter
	limit := f.number(r.URL.Query().Get("limit"), "limit", 100, 1, 1000)
	q, fault := sessionQuery(r.URL.Query(), limit)
	if fault != "" || len(f.Faults) > 0 {
		d.fail(w, r, http.StatusBadRequest, strings.Join(append(f.Faults, fault), " "))
		return
	}
	out := newList(w, "sessions")
	err := inventory.EachSession(r.Context(), d.Reader, q, func(s *inventory.StoredSession) error { return out.add(s) })
	d.endList(out, w, r, "", err)
}

// apiLive streams like the other lists: there may be as many sessions as listeners take.
func (d *dashboard) apiLive(w http.ResponseWriter, r *http.Request) {
	var live []watch.Session
	if d.Live != nil {
		live = d.Live()
	}
	out := newList(w, "sessions")
	var err error
	for i := 0; i < len(live) && err == nil; i++ {
		err = out.add(&live[i])
	}
	d.endList(out, w, r, "", err)
}

func (d *dashboard) apiDays(w http.ResponseWriter, r *http.Request) {
	var f filter
	count := f.number(r.URL.Query().Get("days"), "days", 30, 1, maxDaysAPI)
	if len(f.Faults) > 0 {
		d.fail(w, r, http.StatusBadRequest, f.Faults[0])
		return
	}
	days, err := d.Reader.Days(r.Context(), r.URL.Query().Get("device"), d.Now().AddDate(0, 0, -count))
	d.answer(w, r, map[string]any{"days": orEmpty(days)}, err)
}

// apiList answers with the list of that name; where the bridge has none it is empty.
func apiList[T any](d *dashboard, name string, list func() []T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var all []T
		if list != nil {
			all = list()
		}
		d.answer(w, r, map[string]any{name: orEmpty(all)}, nil)
	}
}
