package config

import (
	"strings"

	"drawbridge/internal/textfile"
)

// Bounds of the text files that lists may stand in: of one file, and of all that one configuration names, since rules may
// name the same file again and again.
const (
	maxLines      = 100_000
	maxLinesInAll = 1_000_000
	maxTextFile   = 16 << 20 // bytes
)

// oneSomeOrFile reads a value, a list that must have an entry, or the text file that has them; what names one of them.
func oneSomeOrFile[T any](o *object, key, what string, into *[]T, parse func(string) (T, *mistake)) {
	if v, stands := o.peek(key); stands && v.isGroup() {
		o.use(key, func(v value) { v.read(func(o *object) { *into = linesOf(o, what, parse) }) })
		return
	}
	oneOrSome(o, key, into, parse)
}

// linesOf reads the group {file: PATH}: each line of the file through the parser of a single value.
func linesOf[T any](o *object, what string, parse func(string) (T, *mistake)) (all []T) {
	o.required("file", "the path of a text file with one "+what+" on each line")
	var path string
	scalar(o, "file", &path, o.d.path)
	if path == "" {
		return nil
	}
	data, m := readText(path)
	if m != nil {
		o.faultIn("file", m)
		return nil
	}
	n, before := 0, len(o.d.faults)
	for line := range strings.Lines(data) {
		n++
		if m := o.d.countLine(n); m != nil {
			o.faultIn("file", wrong(m.mend, "%s %s", path, m.problem))
			return all
		}
		text := withoutComment(line)
		if text == "" {
			continue
		}
		one, m := parse(text)
		if m != nil {
			o.faultIn("file", wrong(m.mend, "line %d of %s: %s", n, path, m.problem))
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 && len(o.d.faults) == before {
		o.faultIn("file", wrong("write one "+what+" on each line", "%s holds no %s", path, what))
	}
	return all
}

// countLine tells when the nth line of a file is one too many, of this file or of all.
func (d *decoder) countLine(n int) *mistake {
	d.lines++
	switch {
	case n > maxLines:
		return wrong("split it into several files, with a rule or an account each", "has more than %d lines", maxLines)
	case d.lines > maxLinesInAll:
		return wrong("write patterns or ranges instead of single ones, or one rule where several name the same file",
			"is too much: all files with lists have more than %d lines together", maxLinesInAll)
	}
	return nil
}

// readText reads a text of any editor.
func readText(path string) (string, *mistake) {
	data, err := readBounded(path, maxTextFile)
	if err != nil {
		return "", ofError(err)
	}
	return string(textfile.Decode(data)), nil
}

// withoutComment returns what a line says. As in YAML # begins a comment at the beginning of the line or behind a blank.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || strings.ContainsRune(" \t", rune(line[i-1]))) {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}
