package inventory

// Settings are the keys that people set, in the order in which they are shown.
var Settings = [...]string{KeyStage, KeyDeadline, KeyOwner, KeyCategory, KeyPriority, KeyCost, KeyNote}

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
