package report

import (
	"cmp"
	"strings"
	"time"

	"drawbridge/inventory"
)

// The registers read cells as they are: in their columns an apostrophe stands before formulas only, not before words that
// a spreadsheet would take for numbers.

// serviceNowColumns are attributes of ServiceNow's class cmdb_ci, by the names that its tables have for them. People and
// companies are references there: the import's transform map decides what becomes of a name it does not know.
func serviceNowColumns() []column {
	return []column{
		{"correlation_id", plain, func(d *inventory.Device) string { return d.ID }},
		{"name", plain, registerName},
		{"ip_address", plain, address},
		{"mac_address", plain, func(d *inventory.Device) string { return d.SourceMAC }},
		{"fqdn", plain, func(d *inventory.Device) string { return d.SourceName }},
		{"manufacturer", plain, func(d *inventory.Device) string { return d.Vendor }},
		{"model_id", plain, model},
		{"asset_tag", plain, func(d *inventory.Device) string { return d.AssetTag }},
		{"location", plain, func(d *inventory.Device) string { return d.Location }},
		{"category", plain, func(d *inventory.Device) string { return string(d.Category) }},
		{"owned_by", plain, func(d *inventory.Device) string { return d.Owner }},
		{"assigned_to", plain, func(d *inventory.Device) string { return d.Owner }},
		{"short_description", plain, summary},
		{"comments", plain, func(d *inventory.Device) string { return d.Note }},
		{"cost", plain, func(d *inventory.Device) string { return d.Cost }},
		{"discovery_source", plain, func(*inventory.Device) string { return "Drawbridge" }},
		{"first_discovered", plain, func(d *inventory.Device) string { return clock(d.FirstSeen) }},
		{"last_discovered", plain, func(d *inventory.Device) string { return clock(d.LastSeen) }},
	}
}

// lansweeperColumns are fields of Lansweeper's tblAssets and tblAssetCustom; Custom1 to Custom9 are free there, and docs/registers.md says
// what they have.
func lansweeperColumns() []column {
	return []column{
		{"AssetName", plain, registerName},
		{"AssetType", plain, assetType},
		{"IPAddress", plain, address},
		{"Mac", plain, func(d *inventory.Device) string { return d.SourceMAC }},
		{"Manufacturer", plain, func(d *inventory.Device) string { return d.Vendor }},
		{"Model", plain, model},
		{"Location", plain, func(d *inventory.Device) string { return d.Location }},
		{"Contact", plain, func(d *inventory.Device) string { return d.Owner }},
		{"Comments", plain, func(d *inventory.Device) string { return d.Note }},
		{"Firstseen", plain, func(d *inventory.Device) string { return clock(d.FirstSeen) }},
		{"Lastseen", plain, func(d *inventory.Device) string { return clock(d.LastSeen) }},
		{"Custom1", plain, func(d *inventory.Device) string { return d.ID }},
		{"Custom2", plain, summary},
		{"Custom3", plain, func(d *inventory.Device) string { return d.Readiness }},
		{"Custom4", plain, func(d *inventory.Device) string { return string(d.NextStep) }},
		{"Custom5", plain, func(d *inventory.Device) string { return string(d.StageNow()) }},
		{"Custom6", plain, func(d *inventory.Device) string { return d.Deadline }},
		{"Custom7", plain, func(d *inventory.Device) string { return d.Cost }},
		{"Custom8", plain, func(d *inventory.Device) string { return d.AssetTag }},
		{"Custom9", plain, func(d *inventory.Device) string { return d.Ticket }},
	}
}

// registerName is what an asset register lists a device under: what resolves, else what is unique.
func registerName(d *inventory.Device) string { return cmp.Or(d.SourceName, d.ID) }

// address is the source where that is an address and not a MAC.
func address(d *inventory.Device) string {
	if d.Source == d.SourceMAC {
		return ""
	}
	return d.Source
}

// model is what people say that a device is, else what it says itself.
func model(d *inventory.Device) string { return cmp.Or(d.Model, d.Description) }

func summary(d *inventory.Device) string {
	parts := []string{"Reads mail through Drawbridge as " + d.Account}
	if stranger(d) {
		parts[0] = "Tries to read mail through Drawbridge"
	}
	if d.NotServed {
		parts = append(parts, "not served: "+reason(d))
	}
	if d.TLSVersion != "" {
		parts = append(parts, "by "+versionWords(d.TLSVersion))
	}
	if len(d.Blockers) > 0 {
		parts = append(parts, "blockers "+strings.Join(d.Blockers, " "))
	}
	if d.Deadline != "" {
		parts = append(parts, "deadline "+d.Deadline)
	}
	if d.Ticket != "" {
		parts = append(parts, "ticket "+d.Ticket)
	}
	return strings.Join(parts, "; ")
}

// assetType is Lansweeper's name for a category.
func assetType(d *inventory.Device) string { return cmp.Or(assetTypes[d.Category], "Network device") }

var assetTypes = map[inventory.Category]string{
	inventory.CategoryPrinter: "Printer", inventory.CategoryMobile: "Mobile", inventory.CategoryDesktop: "Workstation",
	inventory.CategoryMedical: "Medical device", inventory.CategoryIoT: "IoT",
	inventory.CategoryApplication: "Server", inventory.CategorySaaS: "Server", inventory.CategoryBackup: "Server",
}

// clock writes a time as both registers read it: UTC, to the second, without a zone.
func clock(t time.Time) string { return written(t.UTC(), time.DateTime) }
