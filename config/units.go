package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// maxDuration and maxBytes keep sums of settings far from overflowing.
const (
	maxDuration = 36500 * day
	maxBytes    = 1 << 50
)

var (
	durationForm = regexp.MustCompile(`^(?:[0-9]{1,12}(?:ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`([0-9]+)(ms|s|m|h|d)`)
	sizeForm     = regexp.MustCompile(`^([0-9]{1,12})(B|KiB|MiB|GiB)$`)
)

var (
	unitsOfTime = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}
	unitsOfSize = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": mebibyte, "GiB": 1 << 30}
)

// duration reads 30s, 2m, 1h30m, 400d; a bare 0 needs no unit.
func duration(text string) (time.Duration, *mistake) {
	if text == "0" {
		return 0, nil
	}
	if !durationForm.MatchString(text) {
		return 0, wrong(durationMend(text), "%s is no duration", quoted(text))
	}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseInt(part[1], 10, 64) // twelve digits at most
		unit := unitsOfTime[part[2]]
		if n > int64(maxDuration/unit) || sum+time.Duration(n)*unit > maxDuration {
			return 0, wrong("write at most 36500d", "%s is too long", quoted(text))
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

func durationMend(text string) string {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return fmt.Sprintf("write the unit too, such as %ds or %dm", n, n)
	}
	return "write a whole number with its unit (ms, s, m, h or d), such as 30s, 2m or 400d"
}

// someTime is a duration that may not be 0, for what would never end otherwise.
func someTime(text string) (time.Duration, *mistake) {
	d, m := duration(text)
	if m == nil && d == 0 {
		return 0, wrong("write a duration such as 30s", "0 is too short")
	}
	return d, m
}

// within is a duration from low to high.
func within(low, high time.Duration) func(string) (time.Duration, *mistake) {
	return func(text string) (time.Duration, *mistake) {
		d, m := duration(text)
		switch {
		case m != nil:
			return 0, m
		case d < low:
			return 0, wrong("write at least "+FormatDuration(low), "%s is too short", text)
		case d > high:
			return 0, wrong("write at most "+FormatDuration(high), "%s is too long", text)
		}
		return d, nil
	}
}

// size reads 512B, 16KiB, 64MiB within low and high bytes.
func size[T int | int64](low, high T) func(string) (T, *mistake) {
	return func(text string) (T, *mistake) {
		part := sizeForm.FindStringSubmatch(text)
		if part == nil {
			return 0, wrong(sizeMend(text), "%s is no size", quoted(text))
		}
		n, _ := strconv.ParseInt(part[1], 10, 64) // twelve digits at most
		unit := unitsOfSize[part[2]]
		switch {
		case n > maxBytes/unit || n*unit > int64(high):
			return 0, wrong("write at most "+FormatSize(int64(high)), "%s is too large", text)
		case n*unit < int64(low):
			return 0, wrong("write at least "+FormatSize(int64(low)), "%s is too small", text)
		}
		return T(n * unit), nil
	}
}

func sizeMend(text string) string {
	digits := strings.TrimRight(text, "KMGkmgiIbB ")
	if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
		unit := strings.ToUpper(strings.TrimSpace(text[len(digits):]))
		if unit != "" && strings.Contains("KMG", unit[:1]) {
			return fmt.Sprintf("write %d%siB", n, unit[:1])
		}
		return fmt.Sprintf("write the unit too, such as %dB or %dKiB", n, n)
	}
	return "write a whole number with its unit (B, KiB, MiB or GiB), such as 16KiB"
}

// FormatDuration writes a duration as a configuration file does: 2m, 30s, 400d, 1h30m.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	var b strings.Builder
	for _, unit := range []string{"h", "m", "s", "ms"} {
		if n := d / unitsOfTime[unit]; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit)
			d -= n * unitsOfTime[unit]
		}
	}
	return b.String()
}

// FormatSize writes bytes as a configuration file does: 16KiB, 64MiB, 512B.
func FormatSize(n int64) string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if u := unitsOfSize[unit]; n >= u && n%u == 0 {
			return fmt.Sprintf("%d%s", n/u, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}

// count reads a whole number of at least low.
func count(low int) func(string) (int, *mistake) {
	return func(text string) (int, *mistake) {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || strings.HasPrefix(text, "+") {
			return 0, wrong(fmt.Sprintf("write a whole number from %d on", low), "%s is no whole number", quoted(text))
		}
		if n < int64(low) {
			return 0, wrong(fmt.Sprintf("write a whole number from %d on", low), "%d is too small", n)
		}
		return int(n), nil
	}
}

// ParseDuration reads a duration as a configuration has it: 30s, 2m, 1h30m, 400d. The error says how to write one.
func ParseDuration(text string) (time.Duration, error) {
	d, m := duration(text)
	if m != nil {
		return 0, fmt.Errorf("%s: %s", m.problem, m.mend)
	}
	return d, nil
}
