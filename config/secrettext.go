package config

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"drawbridge/internal/textfile"
)

// secretText returns the secret in what a file, a variable or the configuration holds: as UTF-8, without the line ends around it.
// The error says what keeps any secret from being right, and never what stands there.
func secretText(saved []byte) (string, error) {
	text := strings.Trim(string(textfile.Decode(saved)), "\r\n")
	switch {
	case strings.TrimSpace(text) == "":
		return "", errors.New("is empty; write the secret into it")
	case strings.IndexFunc(text, isControl) >= 0:
		return "", errors.New("holds a control character; write the secret alone, as plain text in UTF-8")
	}
	return text, nil
}

// isControl tells a character that no secret has. Line ends are judged apart: some keys take several lines.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' }

// unfilled are variables of shells, Windows, PowerShell and templates that whoever made the file was to fill in.
var unfilled = regexp.MustCompile(`^\s*(\$\{[^{}]*\}|\$\([^()]*\)|\$env:\w+|%\w+%|\{\{.*\}\})\s*$`)

// checkSecret judges a secret of one line.
func checkSecret(text string) *mistake {
	switch {
	case strings.ContainsAny(text, "\r\n"):
		return wrong("write the secret alone, in one line", "the secret has several lines")
	case unfilled.MatchString(text):
		return wrong("write {env: NAME} or {file: PATH}; no variables are filled in here",
			"a variable that nothing filled in stands for the secret")
	}
	return nil
}

// example are what stands in documentation where a secret belongs.
var example = regexp.MustCompile(`(?i)^(<.*>|\$[a-z_][a-z0-9_]*|change[-_ ]?me[!.]*|replace[-_ ]?me|todo|x{3,}|\*{3,}|\.{3}|…` +
	`|(my|your)[-_ ]?.*(secret|password|key)([-_ ]here)?|client[-_ ]?secret|secret|password)$`)

// odd tells what a secret may have and hardly ever does; nil where nothing is.
func odd(text string) *mistake {
	invisible := func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\r' }
	switch {
	case example.MatchString(text):
		return wrong("write the secret itself, {file: PATH} or {env: NAME}", "the secret looks like an example's")
	case text != strings.Trim(text, " "):
		return wrong("delete the blank, unless it is meant", "the secret begins or ends with a blank")
	case inQuotes(text):
		return wrong("delete them, unless they are meant", "the secret stands in quotes, which count as a part of it")
	case !utf8.ValidString(text):
		return wrong("save it as UTF-8, unless it is meant", "the secret is not UTF-8 text")
	case strings.IndexFunc(text, invisible) >= 0:
		return wrong("type it anew, unless it is meant", "the secret holds a character that cannot be seen")
	}
	return nil
}

// inQuotes reports whether quotes stand around a text.
func inQuotes(text string) bool {
	first, n := utf8.DecodeRuneInString(text)
	last, m := utf8.DecodeLastRuneInString(text)
	closing, known := map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '„': '“', '‘': '’', '«': '»'}[first]
	return known && last == closing && len(text) >= n+m
}
