package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"drawbridge/internal/textfile"
)

// Bounds of a configuration file. Aliases count as often as they are used.
const (
	maxFile  = 1 << 20 // bytes
	maxNodes = 200_000
	maxDepth = 32
)

// document parses the one YAML document of a file; nil when it found a fault.
func (d *decoder) document(data []byte) *yaml.Node {
	if len(data) > maxFile {
		d.faultOfFile(0, 0, wrong("split off what does not belong here", "the file is larger than %s", FormatSize(maxFile)))
		return nil
	}
	data = textfile.Decode(data)
	if !utf8.Valid(data) {
		line, column := invalidAt(data)
		d.faultOfFile(line, column, wrong("save the file as UTF-8", "the file is not UTF-8 text"))
		return nil
	}
	root := d.parse(data)
	if root == nil {
		return nil
	}
	left, before := maxNodes, len(d.faults)
	d.walk(root, 0, &left)
	if len(d.faults) > before {
		return nil
	}
	return root
}

func (d *decoder) parse(data []byte) *yaml.Node {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	first := reader.Decode(&document)
	err := first
	if first == nil {
		err = reader.Decode(&second)
	}
	switch {
	case err == nil:
		d.faultOfFile(second.Line, second.Column, wrong("keep one document and delete the line with ---", "the file holds a second document"))
	case !errors.Is(err, io.EOF):
		d.syntaxFault(data, err)
	case first != nil || isEmpty(document.Content[0]):
		d.faultOfFile(0, 0, wrong("write at least one key, or leave --config out to run with the defaults", "the file is empty"))
	default:
		return document.Content[0]
	}
	return nil
}

func isEmpty(n *yaml.Node) bool {
	return isNull(n) || n.Kind == yaml.MappingNode && len(n.Content) == 0
}

func (d *decoder) faultOfFile(line, column int, m *mistake) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Column: column, Problem: m.problem, Mend: m.mend})
}

func invalidAt(data []byte) (line, column int) {
	valid := 0
	for r, n := utf8.DecodeRune(data); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(data[valid:]) {
		valid += n
	}
	before := data[:valid]
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// walk follows the tree as the readers will and tells what is too deep, too much, or carries a tag of its own.
func (d *decoder) walk(n *yaml.Node, depth int, left *int) {
	if *left--; *left < 0 {
		return
	}
	switch {
	case *left == 0:
		d.faultAt(n, "", wrong("write the values out", "aliases (*) make the file too large"))
	case depth > maxDepth:
		d.faultAt(n, "", wrong("check the brackets, the indentation and the aliases (*)", "keys are nested more than %d deep", maxDepth))
		*left = 0
	case n.Kind == yaml.AliasNode:
		d.walk(n.Alias, depth+1, left)
	case n.Style&yaml.TaggedStyle != 0:
		d.faultAt(n, "", wrong("delete the word with ! or quote the value", "a tag (!) stands before the value"))
	default:
		for _, child := range n.Content {
			d.walk(child, depth+1, left)
		}
	}
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxFault puts what the YAML parser says into plain words. Nothing of the file is repeated: it might be a secret.
func (d *decoder) syntaxFault(data []byte, err error) {
	if line, column, ok := tabIndent(data); ok {
		d.faultOfFile(line, column, wrong("indent with spaces", "a tab indents this line"))
		return
	}
	line, text := 1, err.Error() // the parser leaves out the number of the first line
	if part := syntaxLine.FindStringSubmatch(text); part != nil {
		if n, err := strconv.Atoi(part[1]); err == nil {
			line = n
		}
		text = part[2]
	}
	if line, column, m := unquoted(data, line); m != nil {
		d.faultOfFile(line, column, m)
		return
	}
	line, column := beginOf(data, line)
	d.faultOfFile(line, column, inPlainWords(text))
}

// beginOf returns where a line's text begins; the parser may name a line beyond the last.
func beginOf(data []byte, line int) (int, int) {
	lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
	line = min(line, len(lines))
	text := lines[line-1]
	return line, len(text) - len(strings.TrimLeft(text, " ")) + 1
}

// tabIndent finds the first line whose indentation holds a tab.
func tabIndent(data []byte) (line, column int, ok bool) {
	for i, text := range strings.Split(string(data), "\n") {
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && len(indent) < len(strings.TrimRight(text, "\r")) {
			return i + 1, tab + 1, true
		}
	}
	return 0, 0, false
}

// plainWords are what to say instead of the parser's words, by a part of those; the first that fits counts.
var plainWords = []struct{ says, problem, mend string }{
	{"mapping values are not allowed", "a colon stands where none can",
		"check the indentation here and one line above, and quote a value that holds a colon and a space"},
	{"did not find expected key", "this line, or the one above, does not fit the indentation around it",
		"indent keys of one group alike, and close every quote and bracket"},
	{"did not find expected '-'", "an entry of a list does not fit the dashes around it", "indent all dashes of a list alike"},
	{"could not find expected ':'", "a key has no colon, or a quote is not closed", "write key: value, with a space after the colon"},
	{"did not find expected ',' or", "a bracket is not closed, or a comma is missing", "close it, and put a comma between entries"},
	{"unexpected end of stream", "a quote that begins in this line, or above, is not closed", "close it"},
	{"alphabetic or numeric", "a value begins with * or &, which YAML keeps for itself", "put the value in single quotes"},
	{"cannot start any token", "a value begins with a character that YAML keeps for itself", "put the value in single quotes"},
	{"unknown anchor", "a value begins with *, and no anchor (&) of this name stands above",
		"put a value that begins with * in single quotes"},
	{"contains itself", "an alias (*) stands inside of what it stands for", "write the value out"},
	{"hexdecimal", "a backslash in double quotes begins no known escape", "use single quotes"},
	{"escape", "a backslash in double quotes begins no known escape", "use single quotes"},
	{"control characters", "the file holds control characters", "delete them"},
}

func inPlainWords(text string) *mistake {
	for _, known := range plainWords {
		if strings.Contains(text, known.says) {
			return wrong(known.mend, "%s", known.problem)
		}
	}
	return wrong("check indentation, quotes and brackets around this line", "this is not YAML")
}
