package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// dateLayout is the one in which dates are exported and kept.
const dateLayout = time.DateOnly

// DateOrder is how dates like 3/1/2027 are read.
type DateOrder string

// The orders.
const (
	DayFirst   DateOrder = "dmy" // Europe
	MonthFirst DateOrder = "mdy" // USA
)

// restore gives the value that a cell means, after what a spreadsheet made of it: 01.03.2027 for 2027-03-01, 1200,5
// for 1200.50. Where a cell may mean two values, known tells whether one is what the file had at first, and order which
// to take of two dates; if neither helps, that is an error, which is a plain sentence. Cells in which nothing is to
// restore are given back.
func restore(key, cell string, order DateOrder, known func(value string) bool) (string, error) {
	var readings []string
	switch key {
	case inventory.KeyDeadline:
		readings = readDate(cell)
	case inventory.KeyCost:
		readings = readCost(cell)
	}
	switch len(readings) {
	case 0:
		return cell, nil
	case 1:
		return readings[0], nil
	}
	for _, reading := range readings {
		if known(reading) {
			return reading, nil
		}
	}
	if key == inventory.KeyDeadline && order == DayFirst {
		return readings[0], nil
	}
	if key == inventory.KeyDeadline && order == MonthFirst {
		return readings[1], nil
	}
	return "", fmt.Errorf("%q may mean %s or %s: write which", inventory.Printable(cell), readings[0], readings[1])
}

// readDate returns what a cell can mean as a date, as 2027-03-01; nothing if it is not a date with a year of four
// digits. Of two readings the first takes the day first.
func readDate(cell string) []string {
	if value, _, ok := strings.Cut(strings.Replace(cell, "T", " ", 1), " "); ok && atMidnight(cell[len(value)+1:]) {
		cell = value
	}
	parts := strings.FieldsFunc(cell, func(r rune) bool { return r == '.' || r == '/' || r == '-' })
	if len(parts) != 3 {
		return nil
	}
	if len(parts[0]) == 4 { // nobody writes year, day, month
		return dates([3]string{parts[0], parts[1], parts[2]})
	}
	dayFirst := [3]string{parts[2], parts[1], parts[0]}
	if strings.Contains(cell, ".") { // nobody writes month.day.year
		return dates(dayFirst)
	}
	return dates(dayFirst, [3]string{parts[2], parts[0], parts[1]})
}

// orderOf finds out which order a spreadsheet wrote dates in: that of the dates which nobody edited, if it is one. They
// are known by their version.
func orderOf(rows []Row) DateOrder {
	var found DateOrder
	for i := range rows {
		readings := readDate(rows[i].Values[inventory.KeyDeadline])
		version, ok := parseVersion(rows[i].Version)
		if !ok || len(readings) != 2 {
			continue
		}
		for j, order := range []DateOrder{DayFirst, MonthFirst} {
			if tag(rows[i].ID, inventory.KeyDeadline, readings[j]) != version.tags[inventory.KeyDeadline] {
				continue
			}
			if found != "" && found != order {
				return ""
			}
			found = order
		}
	}
	return found
}

// atMidnight reports whether a time of day is one that a program added to a date.
func atMidnight(clock string) bool { return strings.Trim(clock, "0:. Z") == "" }

// dates returns which of the given years, months and days are dates, each once.
func dates(candidates ...[3]string) []string {
	var found []string
	for _, c := range candidates {
		day, err := time.Parse("2006-1-2", strings.Join(c[:], "-"))
		if date := day.Format(dateLayout); err == nil && !slices.Contains(found, date) {
			found = append(found, date)
		}
	}
	return found
}

var (
	// One separator with three digits behind it may be that of thousands or that of decimals.
	unclearCost = regexp.MustCompile(`^([0-9]{1,3})[.,]([0-9]{3})$`)
	commaCost   = regexp.MustCompile(`^([0-9]+),([0-9]+)$`)
	pointsCost  = regexp.MustCompile(`^[0-9]{1,3}(?:[., '’\x{a0}\x{202f}][0-9]{3})+(?:[.,][0-9]{1,2})?$`)
	spareCost   = regexp.MustCompile(`[., '’\x{a0}\x{202f}]`)
)

// readCost returns what a cell can mean as a decimal number; nothing where there is nothing to restore.
func readCost(cell string) []string {
	if m := unclearCost.FindStringSubmatch(cell); m != nil {
		return []string{m[1] + m[2], m[1] + "." + m[2] + "0"} // four digits are clear
	}
	if m := commaCost.FindStringSubmatch(cell); m != nil {
		return []string{m[1] + "." + m[2]}
	}
	if !pointsCost.MatchString(cell) {
		return nil
	}
	whole, cents := cell, ""
	if i := strings.LastIndexAny(cell, ".,"); i >= 0 && len(cell)-i <= 3 {
		whole, cents = cell[:i], "."+cell[i+1:]
	}
	return []string{spareCost.ReplaceAllString(whole, "") + cents}
}

// cents reads a cost; ok is false for what is not a decimal number below ten thousand million.
func cents(cost string) (sum int64, ok bool) {
	whole, fraction, _ := strings.Cut(cost, ".")
	if len(whole) == 0 || len(whole) > 10 || len(fraction) > 9 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	sum, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	return sum, err == nil
}
