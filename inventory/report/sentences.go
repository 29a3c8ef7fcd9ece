package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// sentences say the same as the figures to who reads only them: what is wrong before what is well.
func sentences(r *Report, f *figures) []string {
	var said []string
	if r.partial() {
		said = append(said, fmt.Sprintf("This report is of a selection: %s of the %s rows of the inventory.", words.Number(len(r.Devices)),
			words.Number(r.Totals.Devices+r.Totals.Strangers)))
	}
	if f.all.Devices > 0 {
		said = append(said, fmt.Sprintf("On %s, %s on the bridge to read mail.", r.Now.Format("2 January 2006"),
			words.Count(f.all.Devices, "device depends", "devices depend"))+" "+readinessSentence(f))
	}
	said = append(said, troubleSentences(r, f)...)
	if f.all.Devices == 0 {
		return append(said, emptySentence(r, f))
	}
	if f.weakNow > 0 {
		said = append(said, fmt.Sprintf("In the last 30 days %s encryption weaker than TLS 1.2, or none.",
			words.Count(f.weakNow, "device used", "devices used")))
	} else {
		said = append(said, "No device used encryption weaker than TLS 1.2 in the last 30 days.")
	}
	said = append(said, costSentence(r, f))
	if n := len(f.quiet); n > 0 {
		said = append(said, fmt.Sprintf("%s not been seen for 30 days and may be gone already.", words.Count(n, "device has", "devices have")))
	}
	return said
}

// troubleSentences say what is overdue, not served and failing. Only where nothing is do they say that all is well.
func troubleSentences(r *Report, f *figures) []string {
	var said []string
	if plan := planSentence(f); plan != "" {
		said = append(said, plan)
	}
	if n := len(f.notServed); n > 0 {
		said = append(said, words.Count(n, "source is", "sources are")+" not served: all sessions of the last 7 days failed.")
	}
	if f.failing > 0 {
		said = append(said, words.Count(f.failing, "device is failing: its", "devices are failing: their")+" latest session did not get through.")
	}
	if said == nil && f.all.Devices > 0 && !r.partial() {
		return []string{"Every device has an owner and a deadline, no deadline has passed, and the latest session of each got through."}
	}
	return said
}

// emptySentence tells why no device depends on the bridge. That it can be raised is true only once there were some.
func emptySentence(r *Report, f *figures) string {
	switch {
	case r.partial():
		return "None of these devices depends on the bridge."
	case len(f.notServed) > 0:
		return "No device depends on the bridge by what is on record, but it cannot be raised before what is not served was looked at."
	case f.blocked > 0:
		return "No device depends on the bridge:" + blockedWords(f.blocked) + " It can be raised."
	case f.strangers > 0:
		return "No device has logged in yet."
	}
	return "No device has connected yet."
}

func readinessSentence(f *figures) string {
	free := howMany(f.free, f.all.Devices) + " are free to go"
	if f.free < 2 {
		free = howMany(f.free, f.all.Devices) + " is free to go"
	}
	sentence := fmt.Sprintf("%s the encryption that Exchange Online takes; %s",
		capital(howMany(f.notReady, f.all.Devices))+map[bool]string{true: " lacks", false: " lack"}[f.notReady < 2], free)
	if f.encrypted > 0 {
		sentence += "; " + words.Count(f.encrypted, "has", "have") + " the encryption, but not the login or the port"
	}
	if unknown := f.all.Devices - f.notReady - f.free - f.encrypted; unknown > 0 {
		sentence += "; of " + words.Number(unknown) + " it is not known"
	}
	return sentence + "."
}

func howMany(n, all int) string {
	switch {
	case n == 0:
		return "none"
	case n == all && n > 1:
		return "all of them"
	}
	return words.Number(n)
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// planSentence says what people's plan lacks, empty for nothing.
func planSentence(f *figures) string {
	var parts []string
	if f.overdue > 0 {
		parts = append(parts, words.Count(f.overdue, "device is past its deadline", "devices are past their deadline"))
	}
	if f.all.NoDate > 0 {
		parts = append(parts, words.Count(f.all.NoDate, "has none", "have none"))
		if f.overdue == 0 {
			parts[0] = words.Count(f.all.NoDate, "device has no deadline", "devices have no deadline")
		}
	}
	if f.unowned > 0 {
		parts = append(parts, "nobody owns "+words.Number(f.unowned))
	}
	if parts == nil {
		return ""
	}
	return capital(strings.Join(parts, "; ")) + "."
}

func costSentence(r *Report, f *figures) string {
	if f.all.Estimated == 0 {
		return "No device has a cost estimate yet."
	}
	sentence := fmt.Sprintf("The work on %s is estimated at %s", words.Count(f.all.Estimated, "device", "devices"), money(r.Currency, f.all.cents))
	if n := f.all.Unestimated(); n > 0 {
		return sentence + "; " + words.Count(n, "device has", "devices have") + " no estimate yet."
	}
	return sentence + "."
}

// notes say what the figures mean and do not.
func notes(r *Report, f *figures) []string {
	said := []string{
		"A device counts as depending on the bridge until it is blocked or removed from the inventory." + blockedWords(f.blocked),
		"Weak encryption is SSL, TLS 1.0 and TLS 1.1 (RFC 6176, RFC 7568, RFC 8996), and sessions without TLS of devices that are known to " +
			"speak without it.",
		"A device's use of weak encryption counts as ended when its latest handshake was a strong one and none was weak for 30 days.",
		"Not served is a source that was seen in the last 7 days while none of its sessions got through. One that never logged in is in none " +
			"of the other figures.",
		"Readiness is judged by what a device offers in its handshake. A device that is ready may still log in by password, which Exchange " +
			"Online refuses.",
		"Dates are of the time zone " + r.Now.Format("MST") + "; days in the trend are UTC.",
	}
	if f.strangers > 0 {
		said = append(said, fmt.Sprintf("%s tried without ever logging in; they read no mail and are in none of the figures.",
			words.Count(f.strangers, "source has", "sources have")))
	}
	if n := r.Totals.TurnedAway; n > 0 {
		said = append(said, words.Count(n, "connection", "connections")+" got no session, since limits were reached.")
	}
	if n := r.Totals.BadLines; n > 0 {
		said = append(said, words.Count(n, "line", "lines")+" of the records could not be read and are in none of the figures.")
	}
	return said
}

func blockedWords(n int) string {
	if n == 0 {
		return ""
	}
	return " " + words.Count(n, "device is", "devices are") + " blocked by now."
}

// money writes hundredths.
func money(currency string, hundredths int64) string {
	sum := words.Number(hundredths/100) + "." + strconv.FormatInt(hundredths%100+100, 10)[1:]
	return strings.TrimSpace(currency + " " + sum)
}

func readinessWords(d *inventory.Device) string {
	return words.Readiness().Label(cmp.Or(d.Readiness, "unknown"))
}

func blockerWords(d *inventory.Device) string {
	labels := make([]string, len(d.Blockers))
	for i, b := range d.Blockers {
		labels[i] = words.Blockers().Label(b)
	}
	return strings.Join(labels, ", ")
}

func categoryWords(d *inventory.Device) string {
	return words.Categories().Label(string(cmp.Or(d.Category, inventory.CategoryUnknown)))
}

func stepWords(d *inventory.Device) string {
	return cmp.Or(words.NextSteps().Label(string(d.NextStep)), "Not decided")
}

// versionWords name a TLS version so that no spreadsheet takes it for a number or for the first of February; nothing for none.
func versionWords(version string) string { return words.TLSVersions().Label(version) }

const noPriority = "No priority"

func priorityWords(priority string) string {
	if priority == "" {
		return noPriority
	}
	return words.Priorities().Label(priority)
}

func latestVersionWords(d *inventory.Device) string {
	return versionWords(cmp.Or(d.TLSVersion, inventory.NoVersion))
}
