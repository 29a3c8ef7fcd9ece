// Package report is the inventory as it leaves the program: JSON, CSV for spreadsheets or asset registers, a table for a
// terminal, one HTML page that a manager reads and an auditor keeps.
//
// It also reads back a CSV that was edited in a spreadsheet, and tells what was changed there and what meanwhile changed here.
//
// Whatever devices sent is shown as [inventory.Printable] shows it. Nothing here keeps state: every function may be
// called by many goroutines at once, on devices that nobody changes meanwhile.
//
// CSV is that of RFC 4180.
package report
