package web

import (
	"net/http"
	"strings"
)

// reportPolicy is that of the report, one file with its style inside: it loads nothing and does nothing.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; " +
	"base-uri 'none'; sandbox"

// export answers with the inventory in one format, of the devices that the list's own parameters select.
func (d *dashboard) export(format, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := parseFilter(r.URL.Query(), d.Now().In(d.Zone))
		switch {
		case d.Export == nil:
			d.fail(w, r, http.StatusNotFound, "This bridge has no exports.")
			return
		case len(f.Faults) > 0:
			d.fail(w, r, http.StatusBadRequest, sentence(strings.Join(f.Faults, "; "))+".")
			return
		}
		if format == "csv" { // JSON has all, the report counts strangers apart
			f.withoutStrangers()
		}
		d.writeExport(w, r, format, contentType, f)
	}
}

func (d *dashboard) writeExport(w http.ResponseWriter, r *http.Request, format, contentType string, f filter) {
	out := &stream{w: w, start: func() {
		h := w.Header()
		h.Set("Content-Type", contentType)
		if format == "html" {
			h.Set("Content-Security-Policy", reportPolicy)
		} else {
			h.Set("Content-Disposition", `attachment; filename="drawbridge-`+d.Now().In(d.Zone).Format("2006-01-02")+"."+format+`"`)
		}
	}}
	err := d.Export(r.Context(), out, format, f.query)
	d.endStream(out, w, r, err)
}
