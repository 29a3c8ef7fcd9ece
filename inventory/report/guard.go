package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A spreadsheet that expects another separator than the file has splits cells in places where we did not: each part of
// a cell has to be harmless by itself.
const separators = ",;\t"

// guard puts an apostrophe before what a spreadsheet would calculate, be it a cell or a part of one, and before words
// that it would take for a number or a date and write back otherwise: "007", "1-2". Spreadsheets show the apostrophe and
// keep it.
func guard(cell string, k kind) string {
	guarded := eachPart(cell, func(part string) string {
		if calculated(part) {
			return "'" + part
		}
		return part
	})
	if k == text && misread(cell) {
		return "'" + guarded
	}
	return guarded
}

// unguard undoes guard exactly: calculated and misread see through apostrophes, so that what guard put there is told
// from a cell's own.
func unguard(cell string, k kind) string {
	bare := eachPart(cell, func(part string) string {
		if rest, ok := strings.CutPrefix(part, "'"); ok && calculated(rest) {
			return rest
		}
		return part
	})
	if rest, ok := strings.CutPrefix(bare, "'"); ok && k == text && misread(rest) {
		return rest
	}
	return bare
}

// eachPart applies change to each part of a cell.
func eachPart(cell string, change func(part string) string) string {
	if !strings.ContainsAny(cell, separators) {
		return change(cell)
	}
	var b strings.Builder
	for cell != "" {
		end := strings.IndexAny(cell, separators)
		if end < 0 {
			b.WriteString(change(cell))
			break
		}
		b.WriteString(change(cell[:end]))
		b.WriteByte(cell[end])
		cell = cell[end+1:]
	}
	return b.String()
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

// misread reports whether a spreadsheet may read words as a number, a date or a time. What begins as a formula is guarded
// as such.
func misread(cell string) bool {
	first := cell
	if end := strings.IndexAny(cell, separators); end >= 0 {
		first = cell[:end]
	}
	digits := false
	for _, r := range strings.TrimLeft(cell, "'") {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case !strings.ContainsRune(" .,:/-+eE%()$€£¥", r):
			return false
		}
	}
	return digits && !calculated(first)
}
