package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// tableColumn is one column of Table. It gets what its cells need, at most most and at least least display cells; what
// the terminal lacks is taken from the columns with the most room above their least. If that is not enough, the column
// with the highest spare is left out, and so on; a column of spare 0 never is.
type tableColumn struct {
	head        string
	least, most int
	spare       int
	right       bool
	value       func(*inventory.Device) string
}

func tableColumns() []tableColumn {
	return []tableColumn{
		{"DEVICE", 18, 48, 0, false, func(d *inventory.Device) string { return d.ID }},
		{"NAME", 10, 28, 6, false, tableName},
		{"CATEGORY", 10, 19, 7, false, func(d *inventory.Device) string { return string(d.Category) }},
		{"TLS", 7, 7, 0, false, func(d *inventory.Device) string { return versionWords(d.TLSVersion) }},
		{"READINESS", 9, 9, 0, false, func(d *inventory.Device) string { return d.Readiness }},
		{"BLOCKERS", 11, 40, 8, false, func(d *inventory.Device) string { return strings.Join(d.Blockers, " ") }},
		{"NEXT STEP", 10, 10, 0, false, func(d *inventory.Device) string { return string(d.NextStep) }},
		{"SERVED", 6, 6, 1, false, tableServed},
		{"STAGE", 8, 8, 2, false, func(d *inventory.Device) string { return string(d.StageNow()) }},
		{"NEXT", 30, 48, 3, false, tableNext},
		{"DEADLINE", 10, 10, 0, false, func(d *inventory.Device) string { return d.Deadline }},
		{"OWNER", 10, 24, 4, false, func(d *inventory.Device) string { return d.Owner }},
		{"LOCATION", 10, 24, 9, false, func(d *inventory.Device) string { return d.Location }},
		{"LAST SEEN", 10, 10, 0, false, func(d *inventory.Device) string { return dayOf(d.LastSeen) }},
		{"SESSIONS", 8, 12, 5, true, func(d *inventory.Device) string { return strconv.FormatInt(d.Sessions, 10) }},
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

// tableNext is what comes next, with its date as the plan has it: midnight in the bridge's zone is another day in UTC.
func tableNext(d *inventory.Device) string {
	if d.Outlook == nil || d.Outlook.Next == nil {
		return ""
	}
	return d.Outlook.NextWords() + " " + d.Outlook.Next.At.Format(dateLayout)
}

func tableServed(d *inventory.Device) string {
	if d.NotServed {
		return "no"
	}
	return ""
}

// tellNotServed tells below a table which devices need somebody, and why. Lines may be longer than the table is wide: the reason says
// what to do.
func tellNotServed(out *bufio.Writer, devices []inventory.Device) {
	most, n := 20, 0
	for i := range devices {
		if !devices[i].NotServed {
			continue
		}
		if n++; n == 1 {
			out.WriteString("\nNot served, all sessions of the last 7 days failed:\n")
		}
		if n <= most {
			fmt.Fprintf(out, "  %s: %s\n", inventory.Printable(devices[i].ID), inventory.Printable(reason(&devices[i])))
		}
	}
	if n > most {
		fmt.Fprintf(out, "  and %s more\n", words.Number(n-most))
	}
}

func dayOf(t time.Time) string { return written(t.UTC(), dateLayout) }

// gap is what separates columns.
const gap = "  "

// Table writes devices to w for people at a terminal, in the order given: a line of headings and one line a device, no
// wider than width display cells, for which it leaves out the columns that matter least; 0 is without limit, and less
// than 74 is taken for 74. What does not fit its column is cut and ends in "…". Dates are UTC, but for that of what
// comes next, which is of the plan's own time zone. Columns which no device has anything for are left out too. Below
// stands what is not served, with the reason. All is Printable. It keeps none of the devices' text.
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
	tellNotServed(out, devices)
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
		columns, widths = drop(columns, widths, width)
		shrink(columns, widths, width)
	}
	return columns, widths
}

// drop leaves columns out until the least widths of the others fit.
func drop(columns []tableColumn, widths []int, width int) ([]tableColumn, []int) {
	for {
		total, least := len(gap)*(len(columns)-1), 0
		for i := range columns {
			total += min(widths[i], columns[i].least)
			if columns[i].spare > columns[least].spare {
				least = i
			}
		}
		if total <= width || columns[least].spare == 0 {
			return columns, widths
		}
		columns, widths = slices.Delete(columns, least, least+1), slices.Delete(widths, least, least+1)
	}
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

// displayWidth is how many cells of a terminal s takes: two for East Asian wide characters and emoji, none for marks
// that stand on the character before.
func displayWidth(s string) int {
	width := 0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// wide reports whether r is wide or full-width by Unicode's annex 11, in blocks.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || // Hangul Jamo
		r >= 0x2e80 && r <= 0xa4cf && r != 0x303f || // CJK, Kana, Yi
		r >= 0xa960 && r <= 0xa97f || r >= 0xac00 && r <= 0xd7a3 || // Hangul
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || // CJK compatibility
		r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6 || // full-width forms
		r >= 0x1f300 && r <= 0x1f64f || r >= 0x1f680 && r <= 0x1f6ff || r >= 0x1f900 && r <= 0x1f9ff || // emoji
		r >= 0x20000 && r <= 0x3fffd
}

// fit cuts s to a width, with "…" where something is missing.
func fit(s string, width int) string {
	if displayWidth(s) <= width {
		return s
	}
	used := 0
	for i, r := range s {
		if used+runeWidth(r) > width-1 {
			return s[:i] + "…"
		}
		used += runeWidth(r)
	}
	return s
}
