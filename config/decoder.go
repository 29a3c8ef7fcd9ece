package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// decoder reads one file's tree and collects what is wrong with it.
type decoder struct {
	file     string
	folder   string // where relative paths start
	env      Environment
	zone     *time.Location // of dates without a time
	faults   Faults
	warnings Faults
	where    map[string]*yaml.Node // where each value that was read stands, by path
	told     map[string]bool       // the keys whose route has a fault already, by path
	keys     map[string]bool       // the shape of each key that the readers asked for
	open     []int                 // the accounts that have no password
	lines    int                   // of the text files that were read
}

func newDecoder(file string, env Environment) *decoder {
	return &decoder{
		file:   file,
		folder: filepath.Dir(file),
		env:    env,
		zone:   env.zone(),
		where:  map[string]*yaml.Node{},
		told:   map[string]bool{},
		keys:   map[string]bool{},
	}
}

// value is one node of the file with its two names.
type value struct {
	d     *decoder
	path  string     // as faults tell it: listeners[0].limits.sessions
	shape string     // the same for every entry: listeners[].limits.sessions
	at    *yaml.Node // where its faults stand: the key of a group or list, else the value itself
	node  *yaml.Node
}

func (v value) child(p *pair) value {
	return v.sub(join(v.path, shown(p.key.Value)), join(v.shape, p.key.Value), p)
}

// named is a child whose key is a name that the administrator chose, and tells one that will not do.
func (v value) named(p *pair) value {
	entry := v.sub(join(v.path, shown(p.key.Value)), join(v.shape, "*"), p)
	if _, m := word(p.key.Value); m != nil {
		v.d.faultAt(p.key, entry.path, m)
	}
	return entry
}

func (v value) sub(path, shape string, p *pair) value {
	if p.value.Kind != yaml.ScalarNode || isNull(p.value) {
		return v.d.value(path, shape, p.key, p.value)
	}
	return v.d.value(path, shape, p.value, p.value)
}

func (v value) item(i int, node *yaml.Node) value {
	return v.d.value(v.path+"["+strconv.Itoa(i)+"]", v.shape+"[]", node, node)
}

func (d *decoder) value(path, shape string, at, node *yaml.Node) value {
	for node.Kind == yaml.AliasNode { // document.go made sure that it ends
		node = node.Alias
	}
	d.where[path] = at
	return value{d: d, path: path, shape: shape, at: at, node: node}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fault notes a mistake in this value.
func (v value) fault(m *mistake) { v.d.faultAt(v.at, v.path, m) }

// faultAt notes a mistake at a node that the key names.
func (d *decoder) faultAt(n *yaml.Node, key string, m *mistake) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, d.note(n, key, m))
	}
}

// faultIn notes a mistake at a path that was read before, or at its nearest parent that was.
func (d *decoder) faultIn(path string, m *mistake) {
	d.faultAt(d.find(path), path, m)
}

// warnIn notes something that works and is probably not meant.
func (d *decoder) warnIn(path string, m *mistake) {
	if len(d.warnings) < maxFaults {
		d.warnings = append(d.warnings, d.note(d.find(path), path, m))
	}
}

func (d *decoder) find(path string) *yaml.Node {
	for path != "" {
		if n, ok := d.where[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return &yaml.Node{} // nowhere: the file as a whole
}

func (d *decoder) note(n *yaml.Node, key string, m *mistake) Fault {
	return Fault{File: d.file, Line: n.Line, Column: n.Column, Key: key, Problem: m.problem, Mend: m.mend}
}

// one returns the text of a value that must be a single one. Numbers, dates and words like yes are the text that
// stands in the file, so that min_version needs no quotes.
func (v value) one() (string, bool) {
	switch {
	case v.isList():
		v.fault(wrong("write one value, without brackets or dashes", "a list stands where one value belongs"))
	case v.isGroup():
		v.fault(wrong("write one value", "a group of keys stands where one value belongs"))
	case isNull(v.node):
		v.fault(wrong("write one or leave the key out", "no value stands here"))
	default:
		return v.node.Value, true
	}
	return "", false
}

// items returns the entries of a list.
func (v value) items() ([]value, bool) {
	if !v.isList() {
		mend := "write a list: each entry on a line of its own, behind a dash"
		if text := v.node.Value; v.node.Kind == yaml.ScalarNode && nameForm.MatchString(text) {
			mend = "write a list: [" + text + "]"
		}
		v.fault(wrong(mend, "%s stands where a list belongs", kindOf(v.node)))
		return nil, false
	}
	items := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = v.item(i, n)
	}
	return items, true
}

// filled returns the entries of a list that must have one.
func (v value) filled(mend, problem string) []value {
	items, ok := v.items()
	if ok && len(items) == 0 {
		v.fault(wrong(mend, "%s", problem))
	}
	return items
}

// isEmpty tells the text "", which some keys have for none.
func (v value) isEmpty() bool {
	return v.node.Kind == yaml.ScalarNode && !isNull(v.node) && v.node.Value == ""
}

func (v value) isList() bool { return v.node.Kind == yaml.SequenceNode }

func (v value) isGroup() bool { return v.node.Kind == yaml.MappingNode }

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a group of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return "one value"
}

// shown makes a key fit for a message: what is not plain is quoted, what is long is cut.
func shown(key string) string {
	plain := func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-@", r))
	}
	if key != "" && strings.IndexFunc(key, plain) < 0 && len(key) <= maxShown {
		return key
	}
	return quoted(key)
}

// maxShown bounds how much of a value a message repeats, in bytes.
const maxShown = 64

// quoted repeats a value in a message, fit for any terminal.
func quoted(text string) string {
	if len(text) > maxShown {
		return strconv.QuoteToASCII(strings.ToValidUTF8(text[:maxShown], "")) + "…"
	}
	if !isPrintable(text) {
		return strconv.QuoteToASCII(text)
	}
	return `"` + text + `"`
}

// maxFaults bounds how many faults of one file are kept: a hostile file could make one of every few bytes.
const maxFaults = 1000

// Fault is one mistake in a configuration file.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`    // from 1; 0 when the fault is that of the file as a whole
	Column  int    `json:"column"`  // from 1, in characters; 0 with Line 0
	Key     string `json:"key"`     // such as listeners[0].min_version; empty when the fault lies outside of any key
	Problem string `json:"problem"` // what is wrong
	Mend    string `json:"mend"`    // what to write instead
}

// String tells the fault as one line: where, which key, what is wrong; what to do.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(position(f.File, f.Line, f.Column))
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": " + f.Problem)
	if f.Mend != "" {
		b.WriteString("; " + f.Mend)
	}
	return b.String()
}

// Faults are all mistakes of one file, sorted by position; errors.As finds them. Returned as an error they are never
// empty.
type Faults []Fault

// Error tells one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// mistake is what a pure parser of one value says when the value will not do; the reader adds key and position.
type mistake struct {
	problem, mend string
}

func wrong(mend, format string, args ...any) *mistake {
	return &mistake{problem: fmt.Sprintf(format, args...), mend: mend}
}

func position(file string, line, column int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}
