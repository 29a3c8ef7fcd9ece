package main

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"drawbridge/config"
	"drawbridge/internal/secret"
)

const (
	packagePath  = "drawbridge/config"
	durationForm = `^([0-9]+(ms|s|m|h|d))+$`
	momentForm   = `^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2}))?$`
	sizeForm     = `^[0-9]+(B|KiB|MiB|GiB)$`
	nameForm     = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`
)

// reflector reads types by their yaml tags and describes them by their comments.
func reflector() (*jsonschema.Reflector, error) {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     special,
	}
	err := r.AddGoComments(packagePath, ".", jsonschema.WithFullComment())
	return r, err
}

// schema returns the JSON schema of a configuration file.
func schema() ([]byte, error) {
	r, err := reflector()
	if err != nil {
		return nil, err
	}
	e, err := example()
	if err != nil {
		return nil, err
	}
	root := r.Reflect(config.Config{})
	for _, hidden := range []any{config.Upstream{}, config.OAuth2{}} { // below keys whose Go type is not that of the file
		for name, definition := range r.Reflect(hidden).Definitions {
			root.Definitions[name] = definition
		}
	}
	root.Title = "Drawbridge configuration"
	for _, definition := range root.Definitions {
		describe(definition)
	}
	refine(root.Definitions)
	addDefaults(root.Definitions, e)
	addTaken(root.Definitions["Rule"])
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// special maps the types whose form in the file is not that of the Go value.
func special(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: durationForm}, {Const: 0}}}
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`}
	case reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Pattern: momentForm}
	case reflect.TypeFor[time.Location](), reflect.TypeFor[*time.Location]():
		return &jsonschema.Schema{Type: "string", MinLength: one()}
	case reflect.TypeFor[secret.Secret]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", MinLength: one()}, elsewhere("file"), elsewhere("env")}}
	case reflect.TypeFor[[]config.NamedPassword]():
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: nameForm},
			AdditionalProperties: special(reflect.TypeFor[secret.Secret]()),
			MinProperties:        one(),
		}
	case reflect.TypeFor[config.Ciphers]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Enum: []any{"legacy", "modern"}},
			{Type: "array", Items: &jsonschema.Schema{Type: "string", Pattern: "^TLS_"}, MinItems: one()},
		}}
	case reflect.TypeFor[[]config.Upstream]():
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        &jsonschema.Schema{Pattern: nameForm},
			AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Upstream"},
			MinProperties:        one(),
		}
	}
	return nil
}

// elsewhere is a group with one key, which names where a value is read from.
func elsewhere(key string) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:                 "object",
		Properties:           jsonschema.NewProperties(),
		Required:             []string{key},
		AdditionalProperties: jsonschema.FalseSchema,
	}
	s.Properties.Set(key, &jsonschema.Schema{Type: "string", MinLength: one()})
	return s
}

func one() *uint64 {
	n := uint64(1)
	return &n
}

// describe joins the lines of comments and adds the forms that tags cannot say.
func describe(s *jsonschema.Schema) {
	s.Description = ""
	for p := range s.Properties.ValuesFromOldest() {
		p.Description = strings.Join(strings.Fields(p.Description), " ")
		p.Description, _, _ = strings.Cut(p.Description, " In Go:")
		if all := withNumbers(p.Enum); len(all) > len(p.Enum) {
			p.Type, p.Enum = "", all
		}
	}
}

// withNumbers lets versions stand without quotes, where YAML reads them as numbers.
func withNumbers(enum []any) []any {
	all := enum
	for _, e := range enum {
		text, _ := e.(string)
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// refine adds what holds between the keys of a group.
func refine(all jsonschema.Definitions) {
	all["Config"].MinProperties = one()
	all["Rule"].MinProperties = one()
	all["Certificate"].MinProperties, all["Certificate"].MaxProperties = one(), one()
	all["Upstream"].AnyOf = []*jsonschema.Schema{{Required: []string{"imap"}}, {Required: []string{"pop3"}}}
	for _, t := range []reflect.Type{reflect.TypeFor[config.Listener](), reflect.TypeFor[config.Rotate](), reflect.TypeFor[config.Journal]()} {
		for f := range fieldsOf(t) {
			if f.Tag.Get("drawbridge") == "size" {
				p := all[t.Name()].Properties.Value(keyOf(f))
				p.Type, p.Pattern = "string", sizeForm
			}
		}
	}
	refineAuth(all["Upstream"])
	refineAccount(all["Account"])
	refineInventory(all)
	refineAdmin(all["Admin"])
	for key, p := range all["Match"].Properties.FromOldest() {
		if p.Type == "array" {
			list := &jsonschema.Schema{Type: p.Type, Items: p.Items, MinItems: p.MinItems}
			single := &jsonschema.Schema{Description: p.Description, AnyOf: []*jsonschema.Schema{p.Items, list}}
			all["Match"].Properties.Set(key, single)
		}
	}
}

// refineAuth lets auth be the word passthrough or the group oauth2.
func refineAuth(upstream *jsonschema.Schema) {
	word := upstream.Properties.Value("auth")
	group := elsewhere("oauth2")
	group.Properties.Set("oauth2", &jsonschema.Schema{Ref: "#/$defs/OAuth2"})
	upstream.Properties.Set("auth", &jsonschema.Schema{
		Description: word.Description,
		AnyOf:       []*jsonschema.Schema{{Type: word.Type, Enum: word.Enum}, group},
	})
}

// refineInventory lets dsn be empty, which is none, asks for it where it is needed, and lets snmp be false.
func refineInventory(all jsonschema.Definitions) {
	inventory, enrich := all["Inventory"], all["Enrich"]
	dsn := inventory.Properties.Value("dsn")
	dsn.OneOf[0] = &jsonschema.Schema{Type: "string"}
	postgres := jsonschema.NewProperties()
	postgres.Set("store", &jsonschema.Schema{Const: config.StorePostgres})
	inventory.If = &jsonschema.Schema{Properties: postgres, Required: []string{"store"}}
	inventory.Then = &jsonschema.Schema{Required: []string{"dsn"}}
	snmp := enrich.Properties.Value("snmp")
	enrich.Properties.Set("snmp", &jsonschema.Schema{
		Description: snmp.Description,
		AnyOf:       []*jsonschema.Schema{{Const: false}, {Ref: "#/$defs/SNMP"}},
		Default:     false,
	})
}

// refineAdmin lets certificate be the word local_ca or the group file.
func refineAdmin(admin *jsonschema.Schema) {
	group := elsewhere("file")
	group.Properties.Set("file", &jsonschema.Schema{Ref: "#/$defs/CertificateFile"})
	admin.Properties.Set("certificate", &jsonschema.Schema{
		Description: admin.Properties.Value("certificate").Description,
		AnyOf:       []*jsonschema.Schema{{Type: "string", Enum: []any{"local_ca"}}, group},
	})
}

// refineAccount lets mailboxes be a list or the file that has one, and asks for what a pattern needs.
func refineAccount(account *jsonschema.Schema) {
	p := account.Properties.Value("mailboxes")
	list := &jsonschema.Schema{Type: p.Type, Items: p.Items, MinItems: p.MinItems}
	account.Properties.Set("mailboxes", &jsonschema.Schema{Description: p.Description, AnyOf: []*jsonschema.Schema{list, elsewhere("file")}})
	pattern := jsonschema.NewProperties()
	pattern.Set("login", &jsonschema.Schema{Pattern: `[*?]`})
	account.If = &jsonschema.Schema{Properties: pattern, Required: []string{"login"}}
	account.Then = &jsonschema.Schema{Required: []string{"mailboxes", "sources"}}
	account.Not = &jsonschema.Schema{Required: []string{"password", "passwords"}}
}

// addDefaults writes the values that hold without the key.
func addDefaults(all jsonschema.Definitions, e examples) {
	for _, v := range []any{e.Defaults, e.Defaults.Log, e.Defaults.Log.Rotate, e.Defaults.Admin,
		e.Defaults.Inventory, e.Defaults.Inventory.Keep, e.Defaults.Inventory.Journal, e.Defaults.Inventory.Enrich, *e.SNMP.Auth, *e.SNMP.Privacy,
		e.Listener, e.Listener.Limits,
		e.Upstream, e.Upstream.Limits, e.Upstream.Guesses, *e.Defaults.Certificates[0].LocalCA, *e.Certificates[1].ACME,
		*e.Modern[0].OAuth2, e.Accounts[0]} {
		addDefaultsOf(all[reflect.TypeOf(v).Name()], reflect.ValueOf(v))
	}
}

func addDefaultsOf(s *jsonschema.Schema, v reflect.Value) {
	for f := range fieldsOf(v.Type()) {
		p, known := s.Properties.Get(keyOf(f))
		if known && p.Ref == "" && !isExample(v.Type(), keyOf(f)) {
			if leaf, ok := leafOf(f, v.FieldByIndex(f.Index)); ok {
				p.Default = leaf
			}
		}
	}
}

// addTaken adds the values that are taken of keys that are not built yet, because they ask for what is done anyway.
// All of them are keys of a rule.
func addTaken(rule *jsonschema.Schema) {
	for _, u := range config.NotBuilt() {
		if len(u.Taken) == 0 {
			continue
		}
		values := make([]any, len(u.Taken))
		for i, text := range u.Taken {
			values[i] = plain(text)
		}
		rule.Properties.Set(strings.TrimPrefix(u.Key, "rules[]."), &jsonschema.Schema{Description: "Not built yet beyond this value.", Enum: values})
	}
}

// plain reads a value of the table of unbuilt keys.
func plain(text string) any {
	if text == "false" {
		return false
	}
	return text
}
