package inventory

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Settings are the keys that people set, in the order in which they are shown.
var Settings = [...]string{KeyStage, KeyDeadline, KeyOwner, KeyCategory, KeyPriority, KeyCost,
	KeyLocation, KeyModel, KeyAssetTag, KeyTicket, KeyNote}

// Category is what kind of thing a device is.
type Category string

// The categories.
const (
	CategoryDesktop     Category = "desktop_mail_client"
	CategoryMobile      Category = "mobile"
	CategoryPrinter     Category = "printer_scanner"
	CategoryIoT         Category = "iot_alarm"
	CategoryMedical     Category = "medical"
	CategoryApplication Category = "custom_application"
	CategorySaaS        Category = "saas_connector"
	CategoryBackup      Category = "backup_archive"
	CategoryUnknown     Category = "unknown"
)

// Categories are all categories, in the order in which they are shown.
var Categories = [...]Category{CategoryDesktop, CategoryMobile, CategoryPrinter, CategoryIoT, CategoryMedical,
	CategoryApplication, CategorySaaS, CategoryBackup, CategoryUnknown}

// Priorities are the values of KeyPriority, the most urgent first.
var Priorities = [...]string{"critical", "high", "normal", "low"}

// maxSetting bounds what people set, in characters.
const maxSetting = 1000

// ParseSetting returns the form in which a value of one of Settings is kept; empty clears it. The error is a
// *SettingError.
func ParseSetting(key, value string) (string, error) {
	value = strings.TrimSpace(value)
	parse, ok := map[string]func(string) (string, string){
		KeyStage: oneOf(stages[:]), KeyCategory: oneOf(Categories[:]), KeyPriority: oneOf(Priorities[:]),
		KeyDeadline: parseDate, KeyCost: parseCost, KeyOwner: parseText, KeyLocation: parseText, KeyModel: parseText,
		KeyAssetTag: parseText, KeyTicket: parseText, KeyNote: parseText,
	}[key]
	if !ok {
		return "", &SettingError{key, value, "is nothing that can be set; there are " + strings.Join(Settings[:], ", ")}
	}
	if value == "" {
		return "", nil
	}
	kept, problem := parse(value)
	if problem != "" {
		return "", &SettingError{key, value, problem}
	}
	return kept, nil
}

// The parsers return the value to keep, or what is wrong with it.

func oneOf[T ~string](all []T) func(string) (string, string) {
	return func(value string) (string, string) {
		words := make([]string, len(all))
		for i, w := range all {
			if strings.EqualFold(value, string(w)) {
				return string(w), ""
			}
			words[i] = string(w)
		}
		return "", "is one of " + strings.Join(words, ", ")
	}
}

func parseDate(value string) (string, string) {
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		return "", "is a date such as 2027-03-01"
	}
	return value, ""
}

// parseCost takes 1200, 1200.5 and 1200,50, which an Excel of many countries makes of it.
func parseCost(value string) (string, string) {
	const problem = "is an amount such as 1200 or 1200.50, without a currency"
	whole, cents, fraction := strings.Cut(strings.Replace(value, ",", ".", 1), ".")
	if whole == "" || len(whole) > 12 || !digits(whole) || fraction && (cents == "" || len(cents) > 2 || !digits(cents)) {
		return "", problem
	}
	whole = cmp.Or(strings.TrimLeft(whole, "0"), "0")
	if cents = strings.TrimRight(cents, "0"); cents == "" {
		return whole, ""
	}
	return whole + "." + (cents + "0")[:2], ""
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func parseText(value string) (string, string) {
	value = Printable(strings.Join(strings.Fields(value), " "))
	if utf8.RuneCountInString(value) > maxSetting {
		return "", fmt.Sprintf("is at most %d characters long", maxSetting)
	}
	return value, ""
}
