package web

import (
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// reportPolicy is that of the report, one file with its style inside: it loads nothing and does nothing.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; " +
	"base-uri 'none'; sandbox"

// export answers with the inventory in one format, of the devices that the list's own parameters select. Two run at a
// time.
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
		select {
		case d.exporting <- struct{}{}:
			defer func() { <-d.exporting }()
		default:
			refuseForNow(w, 0)
			d.fail(w, r, http.StatusServiceUnavailable, "Other exports are being made: try again in a minute.")
			return
		}
		d.writeExport(w, r, format, contentType, f)
	}
}

func (d *dashboard) writeExport(w http.ResponseWriter, r *http.Request, format, contentType string, f filter) {
	out := &startedWriter{w: w, start: func() {
		h := w.Header()
		h.Set("Content-Type", contentType)
		if format == "html" {
			h.Set("Content-Security-Policy", reportPolicy)
		} else {
			h.Set("Content-Disposition", `attachment; filename="drawbridge-`+d.Now().In(d.Zone).Format("2006-01-02")+"."+format+`"`)
		}
	}}
	err := d.Export(r.Context(), out, format, f.query)
	switch {
	case err == nil:
		out.begin() // an export may be empty
	case !out.started:
		d.failReading(w, r, err)
	default:
		d.Log.Error("an export ended early", zap.String("format", format), zap.Error(err))
		panic(http.ErrAbortHandler) // the connection breaks, so that half a file is not taken for a whole one
	}
}

// startedWriter knows whether a byte of the body was written.
type startedWriter struct {
	w       io.Writer
	start   func()
	started bool
}

func (s *startedWriter) begin() {
	if !s.started {
		s.started = true
		s.start()
	}
}

// Write implements io.Writer.
func (s *startedWriter) Write(b []byte) (int, error) {
	s.begin()
	return s.w.Write(b)
}
