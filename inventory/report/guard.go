package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// guard puts an apostrophe before a cell which a spreadsheet would calculate, and before words that it would take for
// a number or a date and write back otherwise: "007", "1-2". Spreadsheets show the apostrophe and keep it.
func guard(cell string, k kind) string {
	if calculated(cell) || k == text && numeric(cell) {
		return "'" + cell
	}
	return cell
}

// unguard undoes guard. An apostrophe that guard would not have put there is the cell's own.
func unguard(cell string, k kind) string {
	if bare, ok := strings.CutPrefix(cell, "'"); ok && guard(bare, k) == cell {
		return bare
	}
	return cell
}

// calculated reports whether a spreadsheet may take the cell for a formula: also what begins so after characters that
// imports strip, and what a spreadsheet with an East Asian keyboard takes for the same signs.
func calculated(cell string) bool {
	rest := strings.TrimLeftFunc(cell, func(r rune) bool {
		return r != '\t' && r != '\r' && (unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(quotes, r))
	})
	first, size := utf8.DecodeRuneInString(rest)
	return size > 0 && strings.ContainsRune("=+-@\t\r＝＋－＠﹢﹣﹦﹫−", first)
}

const quotes = "\"'`´‘’‚“”„«»＂＇"

// numeric reports whether a spreadsheet may read the cell as a number, a date or a time.
func numeric(cell string) bool {
	digits := false
	for _, r := range cell {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case !strings.ContainsRune(" .,:/-+eE%()$€£¥", r):
			return false
		}
	}
	return digits
}
