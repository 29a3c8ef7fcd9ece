package journal

import (
	"errors"
	"time"
)

var errTime = errors.New("a time is not RFC 3339 or not after 1970")

// parseTime reads RFC 3339, by hand where it is as a bridge writes it: 2026-11-24T11:00:30.123Z. The time is in UTC and
// to the millisecond.
func parseTime(b []byte) (time.Time, error) {
	t, ok := parsePlainTime(b)
	if !ok {
		var err error
		if t, err = time.Parse(time.RFC3339, string(b)); err != nil {
			return time.Time{}, errTime
		}
		t = t.UTC().Truncate(time.Millisecond)
	}
	if t.Unix() <= 0 || t.Year() > 9999 {
		return time.Time{}, errTime
	}
	return t, nil
}

// parsePlainTime reads what is exactly as a bridge writes it.
func parsePlainTime(b []byte) (time.Time, bool) {
	const form = "dddd-dd-ddTdd:dd:dd.dddZ"
	if len(b) != len(form) {
		return time.Time{}, false
	}
	for i, c := range b {
		if form[i] != 'd' && c != form[i] || form[i] == 'd' && (c < '0' || c > '9') {
			return time.Time{}, false
		}
	}
	month, day := number(b[5:7]), number(b[8:10])
	hour, minute, second := number(b[11:13]), number(b[14:16]), number(b[17:19])
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(number(b[:4]), time.Month(month), day, hour, minute, second,
		number(b[20:23])*int(time.Millisecond), time.UTC)
	return t, t.Day() == day // not 31 February
}

func number(digits []byte) int {
	n := 0
	for _, d := range digits {
		n = 10*n + int(d-'0')
	}
	return n
}
