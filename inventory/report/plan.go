package report

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"drawbridge/inventory"
)

// Change is one value that an import would set.
type Change struct {
	Line    int
	ID, Key string
	// Old is what people set so far, empty for nothing: what rules and guesses say is not set. New is empty where the
	// value is to be removed.
	Old, New string
}

// Conflict is one value that was changed in the file and here since the export. Base is not known: a version only tells
// that a value is another one.
type Conflict struct {
	Line    int
	ID, Key string
	Theirs  string // in the file
	Ours    string // here
}

// Fault is a row, or one of its values, that cannot be imported.
type Fault struct {
	Line    int
	ID      string
	Key     string // empty: the whole row
	Problem string // a sentence for the person who imports
}

// Plan is what an import would do. Its parts are in the order of the rows and, in a row, of [inventory.Settings].
type Plan struct {
	New       []string // ids of devices that the inventory does not have
	Changes   []Change
	Conflicts []Conflict
	Faults    []Fault
}

// Planner compares rows with what the inventory has.
type Planner struct {
	Current map[string]inventory.Device // by id
	// Parse checks a value and gives the form that is kept; its error is shown as the fault. It is not asked about empty
	// values, which remove what was set.
	Parse  func(key, value string) (canonical string, err error)
	Import bool // devices that the inventory does not have are new; else they are faults
	// Dates is how to read dates like 3/1/2027; empty: as the file's dates that nobody edited are written, and those that
	// stay unclear are faults.
	Dates DateOrder
}

// Plan tells what importing rows would change. A value counts as edited in the file if it differs from what the
// version says it was at the export; it conflicts if the device's value here is another one too, and not the same. In
// rows without a version every difference is a change.
func (p Planner) Plan(rows []Row) Plan {
	if p.Dates == "" {
		p.Dates = orderOf(rows)
	}
	var plan Plan
	lines := make(map[string]int, len(rows))
	merged := p.merged()
	for i := range rows {
		row := &rows[i]
		problem := p.problem(row, lines[row.ID], merged[row.ID])
		if problem != "" {
			plan.Faults = append(plan.Faults, Fault{Line: row.Line, ID: row.ID, Problem: problem})
			continue
		}
		lines[row.ID] = row.Line
		p.planRow(&plan, row)
	}
	return plan
}

// problem tells what is wrong with a row as a whole. First is the line of an earlier row with its id, main the device
// that its device was merged into.
func (p Planner) problem(row *Row, first int, main string) string {
	_, known := p.Current[row.ID]
	version, versioned := parseVersion(row.Version)
	switch {
	case row.ID == "":
		return "The id is missing."
	case first != 0:
		return fmt.Sprintf("Line %d has the same id: remove one of them.", first)
	case row.Version != "" && !versioned:
		return "The cell in column version is not what was exported: export again, or empty the whole column."
	case versioned && version.id != tag(row.ID, "", ""):
		return "The version is that of another device: was only a part of the columns sorted?"
	case !known && main != "":
		return fmt.Sprintf("This device was merged into %s meanwhile: edit that one.", main)
	case !known && !p.Import:
		return "The inventory has no such device."
	case !known && !nameable(row.ID):
		return "The id is not an address or MAC, a slash and an account: 10.20.3.7/scanner1."
	}
	return ""
}

// nameable reports whether an id can be that of a device which has not come yet.
func nameable(id string) bool {
	source, account, _ := strings.Cut(id, "/")
	_, noAddress := netip.ParseAddr(source)
	_, noMAC := net.ParseMAC(source)
	return (noAddress == nil || noMAC == nil) && account != "" && account != inventory.Stranger
}

// merged returns the devices' former ids.
func (p Planner) merged() map[string]string {
	merged := make(map[string]string)
	for id, device := range p.Current {
		for _, former := range device.MergedIDs {
			merged[former] = id
		}
	}
	return merged
}

func (p Planner) planRow(plan *Plan, row *Row) {
	device, known := p.Current[row.ID]
	version, versioned := parseVersion(row.Version)
	if !known {
		plan.New = append(plan.New, row.ID)
		device.ID, versioned = row.ID, false // there is nothing here that could have changed since
	}
	for _, key := range inventory.Settings {
		cell, ok := row.Values[key]
		if !ok {
			continue
		}
		v := value{line: row.Line, key: key, cell: cell}
		if versioned {
			v.base = version.tags[key]
		}
		p.planValue(plan, v, &device)
	}
}

// value is one cell to be planned. Base is its tag at the export, empty if unknown.
type value struct {
	line            int
	key, cell, base string
}

func (p Planner) planValue(plan *Plan, v value, device *inventory.Device) {
	unedited := func(s string) bool {
		return v.base != "" && tag(device.ID, v.key, comparison(v.key, s)) == v.base
	}
	ours := comparison(v.key, device.Setting(v.key))
	if unedited(v.cell) || comparison(v.key, v.cell) == ours {
		return
	}
	theirs, err := restore(v.key, v.cell, p.Dates, func(s string) bool { return unedited(s) || comparison(v.key, s) == ours })
	if err == nil && (unedited(theirs) || comparison(v.key, theirs) == ours) {
		return
	}
	if err == nil && theirs != "" {
		theirs, err = p.Parse(v.key, theirs)
	}
	if err != nil {
		plan.Faults = append(plan.Faults, Fault{Line: v.line, ID: device.ID, Key: v.key, Problem: err.Error()})
		return
	}
	old := set(device, v.key)
	switch {
	case theirs == old || theirs != "" && comparison(v.key, theirs) == ours:
	case v.base != "" && !unedited(device.Setting(v.key)):
		plan.Conflicts = append(plan.Conflicts, Conflict{v.line, device.ID, v.key, theirs, old})
	default:
		plan.Changes = append(plan.Changes, Change{v.line, device.ID, v.key, old, theirs})
	}
}

// Values gathers the changes of each device, as [inventory.Editor] sets them, in the order of the rows.
func (p Plan) Values() (ids []string, values map[string]map[string]string) {
	values = make(map[string]map[string]string)
	for _, change := range p.Changes {
		if values[change.ID] == nil {
			values[change.ID] = make(map[string]string)
			ids = append(ids, change.ID)
		}
		values[change.ID][change.Key] = change.New
	}
	return slices.Clip(ids), values
}
