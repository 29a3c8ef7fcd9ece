package accounts

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"
)

// section is one part of an INI file as Python's configparser reads it.
type section struct {
	name string
	line int
	keys map[string]string // by their names in lower case; those of [DEFAULT] are among them
}

// defaultSection is the one whose keys all others inherit.
const defaultSection = "DEFAULT"

// parseINI reads an INI file as Python's configparser does, with interpolation off: comments stand on lines of their own and begin
// with # or ;. A line that is indented deeper than its key goes on with the value above. Sections and keys that are there twice
// are faults, with their lines; no fault quotes a line, which may hold a secret.
func parseINI(text string) ([]section, error) {
	p := iniParser{defaults: section{name: defaultSection, keys: make(map[string]string)}}
	n := 0
	for raw := range strings.Lines(text) {
		n++
		p.line(n, raw)
	}
	for i := range p.sections {
		inherited := maps.Clone(p.defaults.keys)
		maps.Copy(inherited, p.sections[i].keys)
		p.sections[i].keys = inherited
	}
	return p.sections, errors.Join(p.wrong...)
}

type iniParser struct {
	sections []section
	defaults section
	wrong    []error

	current *section // nil before the first one
	key     string   // of the value that a deeper line goes on with; empty: there is none
	indent  int      // of the last line that was a section or a key
}

func (p *iniParser) fault(line int, format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (p *iniParser) line(n int, raw string) {
	text := strings.TrimSpace(raw)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return
	}
	indent := utf8.RuneCountInString(raw) - utf8.RuneCountInString(strings.TrimLeftFunc(raw, unicode.IsSpace))
	if p.key != "" && indent > p.indent {
		p.current.keys[p.key] += "\n" + text
		return
	}
	p.indent, p.key = indent, ""
	if end := strings.LastIndexByte(text, ']'); text[0] == '[' && end > 1 {
		p.begin(n, text[1:end])
		return
	}
	p.option(n, text)
}

// begin begins a section.
func (p *iniParser) begin(n int, name string) {
	if name == defaultSection {
		p.current = &p.defaults
		return
	}
	for _, s := range p.sections {
		if s.name == name {
			p.fault(n, "the section of line %d is there twice: remove one", s.line)
		}
	}
	p.sections = append(p.sections, section{name: name, line: n, keys: make(map[string]string)})
	p.current = &p.sections[len(p.sections)-1]
}

// option reads one key with its value.
func (p *iniParser) option(n int, text string) {
	end := strings.IndexAny(text, "=:")
	switch {
	case text[0] == '[' && end < 0:
		p.fault(n, "a section is written [name]")
	case p.current == nil:
		p.fault(n, "it stands before the first [section]: is this email-oauth2-proxy's configuration?")
	case end <= 0:
		p.fault(n, "it is neither a [section] nor key = value")
	default:
		key := strings.ToLower(strings.TrimSpace(text[:end]))
		if _, twice := p.current.keys[key]; twice {
			p.fault(n, "the section has this key twice: remove one")
		}
		p.current.keys[key] = strings.TrimSpace(text[end+1:])
		p.key = key
	}
}
