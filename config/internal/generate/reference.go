package main

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"drawbridge/config"
)

const referenceHead = `# Every key of drawbridge.yaml, with the value that holds without it.
#
# Lines that begin with "#" and no space are examples of keys that have no default: delete the "#" to use them. Durations
# are 30s, 2m, 1h30m or 400d, sizes 512B, 16KiB or 64MiB. Relative paths start at the folder of the file. A list replaces
# its default whole, a group of keys is merged key by key, a new entry of a list starts from the values shown.
# This file is generated from the types in package config; do not edit it.
`

// printer writes keys with their comments.
type printer struct {
	bytes.Buffer
	comments map[string]string // those not written yet, with once
	once     bool              // each comment is written at the first of its keys alone
}

// reference returns the commented reference.
func reference() ([]byte, error) {
	r, e, err := sources()
	if err != nil {
		return nil, err
	}
	p := &printer{comments: r.CommentMap}
	p.WriteString(referenceHead)
	for f := range fieldsOf(reflect.TypeFor[config.Config]()) {
		p.WriteByte('\n')
		p.comment(reflect.TypeFor[config.Config](), f, "")
		p.section(e, f)
	}
	return p.Bytes(), nil
}

func (p *printer) section(e examples, f reflect.StructField) {
	switch key := keyOf(f); key {
	case "name":
		p.WriteString("#name: bridge-1\n")
	case "token_key":
		p.WriteString("#token_key: {file: /run/secrets/token-key}\n")
	case "timezone":
		p.WriteString("#timezone: Europe/Berlin\n")
	case "listeners":
		p.listeners(e.Defaults.Listeners)
	case "upstreams":
		p.WriteString("upstreams:\n  " + e.Upstream.Name + ":\n")
		p.group(reflect.ValueOf(e.Upstream), "    ")
		p.modern(e.Modern)
	case "certificates":
		p.example(key, entries(p, e.Certificates))
	case "admin":
		p.WriteString("admin:\n")
		p.group(reflect.ValueOf(e.Defaults.Admin), "  ")
		p.without(reflect.ValueOf(e.Admin), "  ", "address", "names")
	case "inventory":
		p.WriteString("inventory:\n")
		p.group(reflect.ValueOf(e.Defaults.Inventory), "  ")
		p.without(reflect.ValueOf(config.Enrich{SNMP: &e.SNMP}), "    ", "reverse_dns", "mac_address")
	case "notices":
		p.WriteString("notices:\n")
		p.group(reflect.ValueOf(e.Defaults.Notices), "  ")
		p.notices(e.Notices)
	case "accounts":
		p.example(key, entries(p, e.Accounts))
	case "rules":
		p.example(key, entries(p, e.Rules))
	default:
		p.key(f, reflect.ValueOf(e.Defaults).FieldByIndex(f.Index), "")
	}
}

// without writes the keys of a group as lines to uncomment, but for those that stand there with their defaults.
func (p *printer) without(v reflect.Value, indent string, standing ...string) {
	inner := &printer{comments: p.comments}
	for f := range fieldsOf(v.Type()) {
		if !slices.Contains(standing, keyOf(f)) {
			inner.comment(v.Type(), f, indent)
			inner.key(f, v.FieldByIndex(f.Index), indent)
		}
	}
	p.commentedOut(inner.String())
}

// notices writes the channels of notices as lines to uncomment.
func (p *printer) notices(n config.Notices) {
	t := reflect.TypeOf(n)
	email, _ := t.FieldByName("Email")
	p.comment(t, email, "  ")
	inner := &printer{comments: p.comments}
	inner.key(email, reflect.ValueOf(n.Email), "  ")
	p.commentedOut(inner.String())
	webhooks, _ := t.FieldByName("Webhooks")
	p.comment(t, webhooks, "  ")
	var indented strings.Builder
	for line := range strings.Lines(entries(p, n.Webhooks)) {
		indented.WriteString("  " + line)
	}
	p.WriteString("  #webhooks:\n")
	p.commentedOut(indented.String())
}

// modern writes upstreams with oauth2 as examples: what they have besides the built-in one's keys.
func (p *printer) modern(all []config.Upstream) {
	inner := &printer{comments: maps.Clone(p.comments), once: true}
	for _, u := range all {
		fmt.Fprintf(inner, "  %s:\n    imap: %s\n    pop3: %s\n    auth:\n      oauth2:\n", u.Name, u.IMAP, u.POP3)
		inner.group(reflect.ValueOf(u.OAuth2).Elem(), "        ")
	}
	p.commentedOut(inner.String())
}

// listeners writes the first entry in full and of the others what is not a default.
func (p *printer) listeners(all []config.Listener) {
	p.WriteString("listeners:\n")
	p.entry(reflect.ValueOf(all[0]))
	for _, l := range all[1:] {
		fmt.Fprintf(p, "  - {name: %s, protocol: %s, address: %q, tls: %s}\n", l.Name, l.Protocol, l.Address, l.TLS)
	}
}

// entry writes one entry of a list, its dash in front of its first key.
func (p *printer) entry(v reflect.Value) {
	inner := &printer{comments: p.comments, once: p.once}
	inner.group(v, "    ")
	dashed := false
	for line := range strings.Lines(inner.String()) {
		if text := strings.TrimLeft(line, " "); !dashed && !strings.HasPrefix(text, "#") {
			line, dashed = "  - "+text, true
		}
		p.WriteString(line)
	}
}

func entries[T any](p *printer, all []T) string {
	inner := &printer{comments: maps.Clone(p.comments), once: true}
	for i := range all {
		inner.entry(reflect.ValueOf(all[i]))
	}
	return inner.String()
}

// example writes a key as lines to uncomment.
func (p *printer) example(key, text string) {
	p.WriteString("#" + key + ":\n")
	p.commentedOut(text)
}

// commentedOut writes lines that an administrator uncomments.
func (p *printer) commentedOut(text string) {
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		if !strings.HasPrefix(body, "# ") {
			line = line[:len(line)-len(body)] + "#" + body
		}
		p.WriteString(line)
	}
}

// group writes the keys of a struct, leaving out what is empty and may be.
func (p *printer) group(v reflect.Value, indent string) {
	for f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.Index)
		if strings.HasSuffix(f.Tag.Get("yaml"), ",omitempty") && value.IsZero() {
			continue
		}
		p.comment(v.Type(), f, indent)
		p.key(f, value, indent)
	}
}

func (p *printer) key(f reflect.StructField, v reflect.Value, indent string) {
	if leaf, ok := leafOf(f, v); ok {
		fmt.Fprintf(p, "%s%s: %s\n", indent, keyOf(f), literal(leaf))
		return
	}
	p.WriteString(indent + keyOf(f) + ":\n")
	if named, ok := v.Interface().([]config.NamedPassword); ok {
		for _, n := range named {
			fmt.Fprintf(p, "%s  %s: %s\n", indent, n.Name, n.Hash.Reveal())
		}
		return
	}
	p.group(reflect.Indirect(v), indent+"  ")
}

func (p *printer) comment(t reflect.Type, f reflect.StructField, indent string) {
	name := packagePath + "." + t.Name() + "." + f.Name
	text := p.comments[name]
	if p.once {
		delete(p.comments, name)
	}
	text, _, _ = strings.Cut(text, "\nIn Go:")
	for line := range strings.Lines(text) {
		p.WriteString(indent + "# " + strings.TrimSpace(line) + "\n")
	}
}

// literal writes a value so that YAML reads it as the same text.
func literal(leaf any) string {
	switch x := leaf.(type) {
	case []string:
		all := make([]string, len(x))
		for i := range x {
			all[i] = literal(x[i])
		}
		return "[" + strings.Join(all, ", ") + "]"
	case string:
		_, err := strconv.ParseFloat(x, 64)
		if x == "" || err == nil || strings.ContainsAny(x[:1], ":*&!#") {
			return strconv.Quote(x)
		}
		if strings.HasPrefix(x, "fe80:") || strings.Contains(x, "::") {
			return strconv.Quote(x)
		}
	}
	return fmt.Sprint(leaf)
}
