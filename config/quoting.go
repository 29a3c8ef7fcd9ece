package config

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxQuotings bounds how many values of a broken file are tried in quotes.
const maxQuotings = 32

// What is probably meant as one text, by the submatch 1: an address of IPv6 with its port, such an address in a list, what stands
// behind a key in braces up to the end of the entry, or up to the end of the line.
var quotable = []*regexp.Regexp{
	regexp.MustCompile(`[\s,{]((?:\[[0-9A-Fa-f:.]*(?:%\w+)?\]):[0-9]+)`),
	regexp.MustCompile(`[\s,\[](::[0-9A-Fa-f:.]*(?:/[0-9]+)?)`),
	regexp.MustCompile("[{,] *[A-Za-z_]+:[ \t]+([@%`*&|>:!][^,{}]*)"),
	regexp.MustCompile("^[\\s-]*[A-Za-z_]+:[ \t]+(" + strings.Join([]string{
		`\[[^\[\]]*\] *[^\s#].*?`, `\{[^{}]*\} *[^\s#].*?`, `"[^"]*" *[^\s#].*?`, `'[^']*' *[^\s#].*?`, // more behind the closing one
		"[@%`*&|>,\\]}:!].*?", `[^"'#\[{].*: .*?`,
	}, "|") + ")[ \t]*(?: #.*)?$"),
}

// unquoted finds the value that mends a file where the parser fails, at the line from or behind it, when it is put in quotes: the
// parser often names another line than that. The mistake repeats nothing but an address.
func unquoted(data []byte, from int) (line, column int, m *mistake) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	left := maxQuotings
	for i := from - 1; i < len(lines) && left > 0; i++ {
		text := bytes.TrimRight(lines[i], "\r\n")
		for _, form := range quotable {
			at := form.FindSubmatchIndex(text)
			if at == nil {
				continue
			}
			left--
			if mends(lines, i, at[2], at[3]) {
				value := string(text[at[2]:at[3]])
				return i + 1, len([]rune(string(text[:at[2]]))) + 1, quoteIt(value)
			}
		}
	}
	return 0, 0, nil
}

// mends reports whether the parser comes beyond a line when a part of it stands in quotes.
func mends(lines [][]byte, i, from, to int) bool {
	text := lines[i]
	value := strings.ReplaceAll(string(text[from:to]), "'", "''")
	line := []byte(string(text[:from]) + "'" + value + "'" + string(text[to:]))
	var document yaml.Node
	tried := bytes.Join([][]byte{bytes.Join(lines[:i], nil), line}, nil)
	return yaml.Unmarshal(tried, &document) == nil || parses(bytes.Join([][]byte{tried, bytes.Join(lines[i+1:], nil)}, nil))
}

func parses(data []byte) bool {
	var document yaml.Node
	return yaml.Unmarshal(data, &document) == nil
}

// quoteIt says why a value must stand in quotes.
func quoteIt(value string) *mistake {
	mend := "put the whole value in single quotes"
	if bracketed.MatchString(value) {
		mend = "put it in quotes: " + strconv.Quote(value)
	}
	switch first := value[0]; {
	case strings.HasPrefix(value, "::"):
		return wrong(mend, "an address begins with a colon")
	case first == '[':
		return wrong(mend, "a value begins with [, which begins a list in YAML")
	case first == '{':
		return wrong(mend, "a value begins with {, which begins a group of keys in YAML")
	case first == '*' || first == '&':
		return wrong(mend, "a value begins with * or &, which YAML keeps for itself")
	case first == '"' || first == '\'':
		return wrong(mend, "a value goes on behind its closing quote")
	case strings.ContainsRune("@%`|>,]}:!", rune(first)):
		return wrong(mend, "a value begins with a character that YAML keeps for itself")
	}
	return wrong(mend, "a value holds a colon and a blank")
}

var bracketed = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]*\]:[0-9]+|::[0-9A-Fa-f:./]*)$`)
