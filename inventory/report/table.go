package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// tableColumn is one column of Table. It gets what its cells need, at most most and at least least display cells; what
// the terminal lacks is taken from the columns with the most room above their least.
type tableColumn struct {
	head        string
	least, most int
	right       bool
	value       func(*inventory.Device) string
}

func tableColumns() []tableColumn {
	return []tableColumn{
		{"DEVICE", 16, 48, false, func(d *inventory.Device) string { return d.ID }},
		{"NAME", 8, 28, false, func(d *inventory.Device) string { return tableName(d) }},
		{"CATEGORY", 8, 19, false, func(d *inventory.Device) string { return string(d.Category) }},
		{"TLS", 4, 7, false, func(d *inventory.Device) string { return versionName(d.TLSVersion) }},
		{"READINESS", 6, 9, false, func(d *inventory.Device) string { return d.Readiness }},
		{"BLOCKERS", 8, 40, false, func(d *inventory.Device) string { return strings.Join(d.Blockers, " ") }},
		{"NEXT STEP", 6, 10, false, func(d *inventory.Device) string { return string(d.NextStep) }},
		{"STAGE", 6, 8, false, func(d *inventory.Device) string { return string(d.Stage) }},
		{"DEADLINE", 10, 10, false, func(d *inventory.Device) string { return d.Deadline }},
		{"OWNER", 8, 24, false, func(d *inventory.Device) string { return d.Owner }},
		{"LAST SEEN", 10, 16, false, func(d *inventory.Device) string { return minute(d.LastSeen) }},
		{"SESSIONS", 8, 12, true, func(d *inventory.Device) string { return strconv.FormatInt(d.Sessions, 10) }},
	}
}

func tableName(d *inventory.Device) string {
	switch {
	case d.SourceName != "" && d.Vendor != "":
		return d.SourceName + " (" + d.Vendor + ")"
	case d.SourceName == "" && d.Vendor == "":
		return d.Description
	}
	return d.SourceName + d.Vendor
}

func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// gap is what separates columns.
const gap = "  "

// Table writes devices to w for people at a terminal, in the order given: a line of headings and one line a device, no
// wider than width display cells unless that is less than all columns need at least (about 120); 0 is without limit.
// What does not fit is cut and ends in "…". Times are UTC. Columns which no device has anything for are left out. All
// is Printable. It goes over the devices twice and keeps none of their text.
func Table(w io.Writer, devices []inventory.Device, width int) error {
	columns, widths := fitColumns(devices, width)
	out := bufio.NewWriter(w)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.head
	}
	writeLine(out, columns, widths, heads)
	cells := make([]string, len(columns))
	for i := range devices {
		for j, c := range columns {
			cells[j] = inventory.Printable(c.value(&devices[i]))
		}
		writeLine(out, columns, widths, cells)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// fitColumns returns the columns to show and their widths.
func fitColumns(devices []inventory.Device, width int) (columns []tableColumn, widths []int) {
	for _, c := range tableColumns() {
		needed := 0
		for i := range devices {
			if needed >= c.most {
				break
			}
			needed = max(needed, displayWidth(inventory.Printable(c.value(&devices[i]))))
		}
		if needed == 0 && len(devices) > 0 {
			continue
		}
		columns = append(columns, c)
		widths = append(widths, min(max(needed, len(c.head)), c.most))
	}
	if width > 0 {
		shrink(columns, widths, width)
	}
	return columns, widths
}

// shrink takes cells from the columns with the most to spare until a line fits.
func shrink(columns []tableColumn, widths []int, width int) {
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := 0
		for i := range widths {
			if widths[i]-columns[i].least > widths[widest]-columns[widest].least {
				widest = i
			}
		}
		if widths[widest] <= columns[widest].least {
			return
		}
		widths[widest]--
	}
}

func writeLine(out *bufio.Writer, columns []tableColumn, widths []int, cells []string) {
	blank := 0 // cells owed: nothing is written behind the last text of a line
	for i, cell := range cells {
		cell = fit(cell, widths[i])
		pad := widths[i] - displayWidth(cell)
		if columns[i].right {
			blank, pad = blank+pad, 0
		}
		if cell != "" {
			out.WriteString(strings.Repeat(" ", blank))
			out.WriteString(cell)
			blank = 0
		} else {
			pad = widths[i]
		}
		blank += pad + len(gap)
	}
	out.WriteByte('\n')
}
