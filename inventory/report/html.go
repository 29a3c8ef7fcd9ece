package report

import (
	"bufio"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"drawbridge/inventory"
)

// quietAfter is how long a device stays away until it counts as gone quiet, and how long a use counts as recent.
const quietAfter = 30 * 24 * time.Hour

// defaultLimit is how many rows a list of devices has if nobody says otherwise: about 300 pages of paper.
const defaultLimit = 5_000

//go:embed page.html page.css
var pages embed.FS

// Report is what an HTML report is made of.
type Report struct {
	Title    string             // empty: "Mail devices that need the bridge"
	Bridge   string             // the bridge's name; empty: not told
	Now      time.Time          // when the report is written: what is overdue and what is quiet follow from it
	Zone     *time.Location     // of the dates that people read; nil: UTC
	Devices  []inventory.Device // with strangers, which are counted apart
	Days     []inventory.Day    // of all devices together, oldest first; empty: no trend is shown
	Totals   inventory.Totals   // of the whole inventory; the devices of the report are counted anew
	Clauses  []Clause           // what asks for strong encryption; shown with the evidence
	Contact  string             // whom to ask; empty: not told
	Currency string             // written before sums; empty: not told
	Limit    int                // rows that each list of devices has at most; 0: 5,000. A sentence tells what is left out
}

// Clause is one demand of a law or standard.
type Clause struct {
	Framework string // "PCI DSS 4.0.1"
	Clause    string // "4.2.1"
	Title     string
	Text      string // what the record shows for it, in a sentence
	URL       string // http or https; empty or others: no link
}

// HTML writes r as one page that needs no other file, no script and no network, for screens and for paper. It refers to
// devices by what was recorded; all of it is escaped. Besides r itself it needs memory of a few bytes a device.
func HTML(w io.Writer, r Report) error {
	page, err := template.New("page.html").Funcs(template.FuncMap{"text": inventory.Printable}).ParseFS(pages, "*")
	if err != nil {
		return fmt.Errorf("parse the report's page: %w", err)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := page.Execute(out, newView(r.complete())); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// complete fills in what was left empty.
func (r Report) complete() *Report {
	r.Title = cmp.Or(r.Title, "Mail devices that need the bridge")
	if r.Limit <= 0 {
		r.Limit = defaultLimit
	}
	r.Zone = cmp.Or(r.Zone, time.UTC)
	r.Now = r.Now.In(r.Zone)
	return &r
}

// partial tells whether the report is of a selection of the devices only, which proves nothing of the whole.
func (r *Report) partial() bool { return r.Totals.Devices+r.Totals.Strangers > int64(len(r.Devices)) }

// today is the date that deadlines are compared with.
func (r *Report) today() string { return r.Now.Format(dateLayout) }

// date is the date of a moment, for people.
func (r *Report) date(t time.Time) string { return written(t.In(r.Zone), dateLayout) }

// quiet reports whether a device was not seen for long.
func (r *Report) quiet(d *inventory.Device) bool { return d.LastSeen.Before(r.Now.Add(-quietAfter)) }

// overdue reports whether a device should be gone.
func (r *Report) overdue(d *inventory.Device) bool {
	deadline := deadline(d)
	return deadline != "" && deadline < r.today()
}

// deadline is a device's deadline, or nothing if that is not a date.
func deadline(d *inventory.Device) string {
	if _, err := time.Parse(dateLayout, d.Deadline); err != nil {
		return ""
	}
	return d.Deadline
}

// depends reports whether a device still reads mail through the bridge, as far as anyone knows.
func depends(d *inventory.Device) bool { return !stranger(d) && d.StageNow() != inventory.StageBlock }

// ended reports whether a device went over to strong encryption: its latest handshake had it, and none was weak for
// long. A device of which two programs take turns has not.
func (r *Report) ended(d *inventory.Device, weak use) bool {
	return d.TLSVersion != "" && !weakVersion(d.TLSVersion) && !slices.Contains(d.Blockers, "no_tls") &&
		weak.last.Before(r.Now.Add(-quietAfter))
}
