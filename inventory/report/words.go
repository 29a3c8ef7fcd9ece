package report

import (
	"cmp"
	"strconv"
	"strings"

	"drawbridge/inventory"
)

// number writes n with commas between thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// count writes n things.
func count[N int | int64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(int64(n)) + " " + more
}

// money writes hundredths.
func money(currency string, hundredths int64) string {
	sum := number(hundredths/100) + "." + strconv.FormatInt(hundredths%100+100, 10)[1:]
	return strings.TrimSpace(currency + " " + sum)
}

// words are what reports say for the words of the inventory; what is not among them stands for itself.
type words[T ~string] map[T]string

func (w words[T]) of(word T) string { return cmp.Or(w[word], string(word)) }

var readinessWords = words[string]{
	"ready": "Ready for Exchange Online", "legacy": "Legacy: TLS 1.0 or 1.1, or old ciphers", "obsolete": "Obsolete: SSL only",
	"unknown": "Not known", "": "Not known",
}

var stepWords = words[inventory.NextStep]{
	inventory.StepRepoint: "Point it at Exchange Online", inventory.StepOAuth2: "Move its login to OAuth 2.0",
	inventory.StepEnable: "Switch TLS 1.2 on", inventory.StepUpdate: "Update its firmware or software",
	inventory.StepReplace: "Replace it", inventory.StepIdentify: "Find out what it is", inventory.StepWatch: "Watch", "": "Not decided",
}

var categoryWords = words[inventory.Category]{
	inventory.CategoryDesktop: "Desktop mail client", inventory.CategoryMobile: "Phone or tablet",
	inventory.CategoryPrinter: "Printer, scanner or fax", inventory.CategoryIoT: "IoT or alarm",
	inventory.CategoryMedical: "Medical device", inventory.CategoryApplication: "Application",
	inventory.CategorySaaS: "Cloud service's connector", inventory.CategoryBackup: "Backup or archive",
	inventory.CategoryUnknown: "Not known", "": "Not known",
}

// versionNames name TLS versions so that no spreadsheet takes them for a number or for the first of February.
var versionNames = words[string]{
	"ssl2": "SSL 2", "ssl3": "SSL 3", "1.0": "TLS 1.0", "1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3",
}

func priorityWords(priority string) string {
	if priority == "" {
		return "No priority"
	}
	return capital(priority)
}

func latestVersionWords(d *inventory.Device) string {
	return cmp.Or(versionNames.of(d.TLSVersion), "No TLS completed")
}
