package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// object reads one group of keys. A reader asks for the keys it knows; whatever is left when it is done is unknown or
// not built yet.
type object struct {
	value
	pairs []*pair
	asked []string
}

type pair struct {
	key   *yaml.Node
	value *yaml.Node
	taken bool
}

// read hands a group of keys to a reader and then judges what the reader did not ask for.
func (v value) read(reader func(*object)) {
	o, ok := v.object()
	if !ok {
		return
	}
	reader(o)
	for _, p := range o.pairs {
		if !p.taken {
			o.leftover(p)
		}
	}
}

func (v value) object() (*object, bool) {
	if !v.isGroup() {
		v.fault(wrong("write its keys below it, each on a line of its own, indented", "%s stands where a group of keys belongs", kindOf(v.node)))
		return nil, false
	}
	o := &object{value: v}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, node := v.node.Content[i], v.node.Content[i+1]
		if o.refuseKey(key, first) {
			continue
		}
		first[key.Value] = key
		o.pairs = append(o.pairs, &pair{key: key, value: node})
	}
	o.refuseSplitHash()
	return o, true
}

// refuseKey tells keys that cannot be meant: lists as keys, merge keys, and the second of two equal ones.
func (o *object) refuseKey(key *yaml.Node, first map[string]*yaml.Node) bool {
	switch {
	case key.Kind != yaml.ScalarNode:
		o.d.faultAt(key, o.path, wrong("write a plain word and a colon", "a key must be a plain word"))
	case key.Tag == "!!merge":
		o.d.faultAt(key, join(o.path, "<<"), wrong("write the keys out", "keys are not merged from elsewhere"))
	case first[key.Value] != nil:
		o.d.faultAt(key, join(o.path, shown(key.Value)),
			wrong("keep one of the two", "the key stands here a second time, first on line %d", first[key.Value].Line))
	default:
		return false
	}
	return true
}

// refuseSplitHash finds an unquoted argon2id hash inside braces, whose commas made keys of its second half. Those are
// withdrawn, so that no message repeats a part of the hash.
func (o *object) refuseSplitHash() {
	if o.node.Style&yaml.FlowStyle == 0 {
		return
	}
	inHash := false
	o.pairs = slices.DeleteFunc(o.pairs, func(p *pair) bool {
		if inHash && isNull(p.value) && strings.Contains(p.key.Value, "=") {
			return true
		}
		inHash = p.value.Kind == yaml.ScalarNode && strings.HasPrefix(p.value.Value, "$argon2")
		if inHash && p.value.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 && !strings.Contains(p.value.Value, ",") {
			o.d.faultAt(p.value, join(o.path, shown(p.key.Value)),
				wrong("write the hash in single quotes: '$argon2id$…'", "inside { } the commas of an unquoted hash split it"))
			p.taken = true
		}
		return false
	})
}

// take returns the value of a key that the reader knows.
func (o *object) take(key string) (value, bool) {
	o.asked = append(o.asked, key)
	o.d.keys[join(o.shape, key)] = true
	v, stands := o.peek(key)
	for _, p := range o.pairs {
		p.taken = p.taken || p.key.Value == key
	}
	return v, stands
}

// peek returns the value of a key that is not taken yet.
func (o *object) peek(key string) (value, bool) {
	for _, p := range o.pairs {
		if p.key.Value == key && !p.taken {
			return o.child(p), true
		}
	}
	return value{}, false
}

// use hands the value of a key to a reader, where the file has the key.
func (o *object) use(key string, reader func(value)) {
	if v, ok := o.take(key); ok {
		reader(v)
	}
}

// group reads the keys below a key, merged into what the reader's target already holds.
func (o *object) group(key string, reader func(*object)) {
	o.use(key, func(v value) { v.read(reader) })
}

// entries returns the entries of a list, which must have one and at most maxEntries; ok is false without the key.
func (o *object) entries(key string) (items []value, ok bool) {
	v, ok := o.take(key)
	if !ok {
		return nil, false
	}
	return bounded(v, v.filled("write an entry or leave the key out", "the list is empty"), maxEntries), v.isList()
}

// Bounds of lists, because each entry is held against each other one.
const (
	maxEntries = 256
	maxRules   = 10_000
)

// bounded cuts from a list, or from a group whose keys are names, what is more than anyone can mean, and tells it.
func bounded[T any](v value, entries []T, most int) []T {
	if len(entries) <= most {
		return entries
	}
	v.fault(wrong(fmt.Sprintf("write at most %d", most), "%d entries are too many", len(entries)))
	return entries[:most]
}

func (o *object) leftover(p *pair) {
	v := o.child(p)
	if o.notBuilt(p.key, v) {
		return
	}
	known := append(slices.Clone(o.asked), unbuiltBelow(o.shape)...)
	o.d.faultAt(p.key, v.path, wrong(suggest(p.key.Value, known), "unknown key"))
}

// required tells a missing key once the object was read.
func (o *object) required(key, example string) {
	if !o.given(key) {
		o.fault(wrong("write "+key+": "+example, "%q is missing", key))
	}
}

// given tells whether the file has the key.
func (o *object) given(key string) bool {
	return slices.ContainsFunc(o.pairs, func(p *pair) bool { return p.key.Value == key })
}

// faultIn notes a mistake in the value of a key, or in the group where the key is missing.
func (o *object) faultIn(key string, m *mistake) { o.d.faultIn(join(o.path, key), m) }

// warnIn notes what works at a key and is probably not meant.
func (o *object) warnIn(key string, m *mistake) { o.d.warnIn(join(o.path, key), m) }

// scalar reads one value through a pure parser; ok is false where the value was refused.
func scalar[T any](o *object, key string, into *T, parse func(string) (T, *mistake)) (ok bool) {
	v, stands := o.take(key)
	return !stands || read(v, into, parse)
}

func read[T any](v value, into *T, parse func(string) (T, *mistake)) bool {
	text, ok := v.one()
	if !ok || v.notBuiltValue(text) {
		return false
	}
	parsed, m := parse(text)
	if m != nil {
		v.fault(m)
		return false
	}
	*into = parsed
	return true
}

// scalarOr reads one value through a pure parser, or the group of keys that may stand instead.
func scalarOr[T any](o *object, key string, into *T, parse func(string) (T, *mistake), group func(*object)) {
	o.use(key, func(v value) {
		if v.isGroup() {
			v.read(group)
			return
		}
		read(v, into, parse)
	})
}

// list reads a list that may be empty and replaces what was there.
func list[T any](o *object, key string, into *[]T, parse func(string) (T, *mistake)) {
	o.use(key, func(v value) {
		if items, ok := v.items(); ok {
			*into = readAll(items, parse)
		}
	})
}

// some reads a list that must have an entry.
func some[T any](o *object, key string, into *[]T, parse func(string) (T, *mistake)) {
	if items, ok := o.entries(key); ok {
		*into = readAll(items, parse)
	}
}

// oneOrSome reads a list that must have an entry, or a single value.
func oneOrSome[T any](o *object, key string, into *[]T, parse func(string) (T, *mistake)) {
	o.use(key, func(v value) {
		if v.node.Kind == yaml.ScalarNode {
			*into = readAll([]value{v}, parse)
			return
		}
		*into = readAll(v.filled("write a value or leave the key out", "the list is empty and would match nothing"), parse)
	})
}

func readAll[T any](items []value, parse func(string) (T, *mistake)) []T {
	all := make([]T, 0, len(items))
	for _, v := range items {
		var one T
		if read(v, &one, parse) {
			all = append(all, one)
		}
	}
	return all
}
