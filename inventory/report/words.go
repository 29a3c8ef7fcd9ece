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

func readinessWords(readiness string) string {
	switch readiness {
	case "ready":
		return "Ready for Exchange Online"
	case "legacy":
		return "Legacy: TLS 1.0 or 1.1, or old ciphers"
	case "obsolete":
		return "Obsolete: SSL only"
	case "unknown", "":
		return "Not known"
	}
	return readiness
}

func stepWords(step inventory.NextStep) string {
	switch step {
	case inventory.StepRepoint:
		return "Point it at Exchange Online"
	case inventory.StepOAuth2:
		return "Move its login to OAuth 2.0"
	case inventory.StepEnable:
		return "Switch TLS 1.2 on"
	case inventory.StepUpdate:
		return "Update its firmware or software"
	case inventory.StepReplace:
		return "Replace it"
	case inventory.StepIdentify:
		return "Find out what it is"
	case inventory.StepWatch:
		return "Watch"
	case "":
		return "Not decided"
	}
	return string(step)
}

func categoryWords(category inventory.Category) string {
	switch category {
	case inventory.CategoryDesktop:
		return "Desktop mail client"
	case inventory.CategoryMobile:
		return "Phone or tablet"
	case inventory.CategoryPrinter:
		return "Printer, scanner or fax"
	case inventory.CategoryIoT:
		return "IoT or alarm"
	case inventory.CategoryMedical:
		return "Medical device"
	case inventory.CategoryApplication:
		return "Application"
	case inventory.CategorySaaS:
		return "Cloud service's connector"
	case inventory.CategoryBackup:
		return "Backup or archive"
	case inventory.CategoryUnknown, "":
		return "Not known"
	}
	return string(category)
}

func priorityWords(priority string) string {
	if priority == "" {
		return "No priority"
	}
	return capital(priority)
}

func latestVersionWords(d *inventory.Device) string {
	return cmp.Or(versionName(d.TLSVersion), "No TLS completed")
}
