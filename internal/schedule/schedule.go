// Package schedule knows the hours of a week in which something happens, as people write them: "Mon-Fri 10:00-10:30".
//
// Hours are those of the clock on the wall. An hour that autumn repeats happens twice, and one that spring leaves out does not
// happen.
package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Window is a span of the day, on some days of the week. The zero Window has no day and holds never. It is immutable.
type Window struct {
	days       [7]bool // by time.Weekday, of the beginning
	begin, end int     // minutes since midnight; the end, which is not in it, may be on the next day: up to 48 hours
	text       string
}

const dayMinutes = 24 * 60

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Parse reads a window: days and hours, or hours alone for every day. Days are English, of three letters or in full, in any
// case: "Mon", "Mon-Fri", "Sat-Mon", "Mon,Wed,Fri". Hours are "22:00-02:00", also past midnight; then the days are those on
// which it begins. 24:00 is the end of a day. The error says what is wrong, and not with what.
func Parse(text string) (Window, error) {
	words := strings.Fields(text)
	var w Window
	var err error
	switch len(words) {
	case 1:
		w.days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		w.days, err = parseDays(words[0])
	default:
		err = fmt.Errorf("it has %d words, where days and hours are two", len(words))
	}
	if err != nil {
		return Window{}, err
	}
	w.begin, w.end, err = parseHours(words[len(words)-1])
	if err != nil {
		return Window{}, err
	}
	w.text = strings.Join(words, " ")
	return w, nil
}

func parseDays(text string) (days [7]bool, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := parseDay(first)
		if err != nil {
			return days, err
		}
		to := from
		if isRange {
			if to, err = parseDay(last); err != nil {
				return days, err
			}
		}
		for day := from; ; day = (day + 1) % 7 {
			days[day] = true
			if day == to {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (int, error) {
	lower := strings.ToLower(text)
	for day, short := range weekdays {
		full := strings.ToLower(time.Weekday(day).String())
		if lower == short || lower == full {
			return day, nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week", text)
}

func parseHours(text string) (begin, end int, err error) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, fmt.Errorf("%q is no span of hours", text)
	}
	if begin, err = parseClock(from); err != nil {
		return 0, 0, err
	}
	if end, err = parseClock(to); err != nil {
		return 0, 0, err
	}
	switch {
	case begin == dayMinutes:
		return 0, 0, fmt.Errorf("%q begins where its day ends", text)
	case begin == end:
		return 0, 0, fmt.Errorf("%q begins and ends at the same time", text)
	case end < begin:
		end += dayMinutes
	}
	return begin, end, nil
}

// parseClock reads a time of the day in minutes, from 0:00 to 24:00.
func parseClock(text string) (int, error) {
	h, m, ok := strings.Cut(text, ":")
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes, err2 := strconv.ParseUint(m, 10, 8)
	if !ok || err != nil || err2 != nil || len(m) != 2 || minutes > 59 || hours*60+minutes > dayMinutes {
		return 0, fmt.Errorf("%q is no time of the day", text)
	}
	return int(hours*60 + minutes), nil //nolint:gosec // at most 1440
}

// String returns the window as it was written, with single spaces.
func (w Window) String() string { return w.text }

// MarshalText is String.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.text), nil }

// Holds reports whether the clock on the wall shows a time in the window. The zone of at is that of the wall.
func (w Window) Holds(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	today := int(at.Weekday())
	if w.days[today] && minute >= w.begin && minute < w.end {
		return true
	}
	return w.days[(today+6)%7] && minute+dayMinutes >= w.begin && minute+dayMinutes < w.end
}

// Edges returns, in order, the moments from from on and before until at which Holds may begin to say something else. Both clocks of
// a night in which the zone's offset changes are in it. The zone of from is that of the wall.
func (w Window) Edges(from, until time.Time) []time.Time {
	var edges []time.Time
	zone := from.Location()
	add := func(at time.Time) {
		if !at.Before(from) && at.Before(until) {
			edges = append(edges, at)
		}
	}
	year, month, day := from.Date()
	for d := -1; ; d++ { // yesterday's window may end today
		noon := time.Date(year, month, day+d, 12, 0, 0, 0, zone) // midnight is left out in some zones
		if noon.Add(-dayMinutes * time.Minute).After(until) {
			break
		}
		if !w.days[noon.Weekday()] {
			continue
		}
		for _, minutes := range []int{w.begin, w.end} {
			for _, at := range moments(time.Date(year, month, day+d, 0, minutes, 0, 0, zone), minutes%dayMinutes) {
				add(at)
			}
		}
	}
	for at := from; ; { // where the clock is put forward or back
		_, at = at.ZoneBounds()
		if at.IsZero() || !at.Before(until) {
			break
		}
		add(at)
	}
	slices.SortFunc(edges, time.Time.Compare)
	return slices.CompactFunc(edges, time.Time.Equal)
}

// moments returns the moments near at when the clock shows that minute of the day: two where the hour is repeated, none where it
// is left out.
func moments(at time.Time, minute int) []time.Time {
	var list []time.Time
	begin, end := at.ZoneBounds()
	candidates := []time.Time{at}
	for _, change := range []time.Time{begin, end} {
		if change.IsZero() {
			continue
		}
		_, before := change.Add(-time.Second).Zone()
		_, after := change.Zone()
		shift := time.Duration(after-before) * time.Second
		candidates = append(candidates, at.Add(shift), at.Add(-shift))
	}
	for _, c := range candidates {
		if c.Hour()*60+c.Minute() == minute {
			list = append(list, c)
		}
	}
	return list
}
