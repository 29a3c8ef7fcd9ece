package main

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"drawbridge/config"
	"drawbridge/internal/schedule"
	"drawbridge/internal/secret"
)

const (
	packagePath  = "drawbridge/config"
	durationForm = `^([0-9]+(ms|s|m|h|d))+$`
	momentForm   = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})?)?$`
	windowForm   = `^\s*([A-Za-z,-]+\s+)?[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}\s*$`
	macForm      = `^([0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}$`
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
	r, e, err := sources()
	if err != nil {
		return nil, err
	}
	root := r.Reflect(config.Config{})
	for _, hidden := range []any{config.Upstream{}, config.OAuth2{}} { // below keys whose Go type is not that of the file
		maps.Copy(root.Definitions, r.Reflect(hidden).Definitions)
	}
	root.Title = "Drawbridge configuration"
	for _, definition := range root.Definitions {
		describe(definition)
	}
	refine(root.Definitions)
	addDefaults(root.Definitions, e)
	addTaken(root.Definitions)
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
	case reflect.TypeFor[config.BlockFrom]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", Pattern: momentForm}, {Const: "deadline"}}}
	case reflect.TypeFor[schedule.Window]():
		return &jsonschema.Schema{Type: "string", Pattern: windowForm}
	case reflect.TypeFor[time.Location](), reflect.TypeFor[*time.Location]():
		return someText()
	case reflect.TypeFor[secret.Secret]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{someText(), groupOf("file", someText()), groupOf("env", someText())}}
	case reflect.TypeFor[[]config.NamedPassword]():
		return byName(special(reflect.TypeFor[secret.Secret]()))
	case reflect.TypeFor[config.Ciphers]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Enum: []any{"legacy", "modern"}},
			{Type: "array", Items: &jsonschema.Schema{Type: "string", Pattern: "^TLS_"}, MinItems: one()},
		}}
	case reflect.TypeFor[[]config.Upstream]():
		return byName(ref("Upstream"))
	}
	return nil
}

func one() *uint64 { return new(uint64(1)) }

func someText() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", MinLength: one()} }

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// byName is a group whose keys are names of the administrator's choice.
func byName(entry *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:                 "object",
		PropertyNames:        &jsonschema.Schema{Pattern: nameForm},
		AdditionalProperties: entry,
		MinProperties:        one(),
	}
}

// having holds of a group that has a key of this form.
func having(key string, form *jsonschema.Schema) *jsonschema.Schema {
	s := &jsonschema.Schema{Properties: jsonschema.NewProperties(), Required: []string{key}}
	s.Properties.Set(key, form)
	return s
}

// groupOf is a group with one key.
func groupOf(key string, form *jsonschema.Schema) *jsonschema.Schema {
	s := having(key, form)
	s.Type, s.AdditionalProperties = "object", jsonschema.FalseSchema
	return s
}

// either lets a key have one of several forms.
func either(group *jsonschema.Schema, key string, forms ...*jsonschema.Schema) {
	group.Properties.Set(key, &jsonschema.Schema{Description: group.Properties.Value(key).Description, AnyOf: forms})
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
	either(all["Keep"], "size", &jsonschema.Schema{Type: "string", Pattern: sizeForm}, &jsonschema.Schema{Const: 0})
	all["Keep"].Properties.Value("size").Default = 0
	all["Match"].Properties.Value("blockers").Items.Enum = []any{ // too many for a tag
		"no_tls", "no_login", "tls_version", "key_exchange", "signature", "password_login", "starttls_port",
	}
	refineRules(all["Rule"], all["Match"])
	either(all["Admin"], "certificate",
		&jsonschema.Schema{Type: "string", Enum: []any{"local_ca"}}, groupOf("file", ref("CertificateFile")))
	auth := all["Upstream"].Properties.Value("auth")
	either(all["Upstream"], "auth", &jsonschema.Schema{Type: auth.Type, Enum: auth.Enum}, groupOf("oauth2", ref("OAuth2")))
	either(all["Enrich"], "snmp", &jsonschema.Schema{Const: false}, ref("SNMP"))
	all["Enrich"].Properties.Value("snmp").Default = false
	all["Notices"].Properties.Value("on").Items.Enum = noticeEvents()
	all["NoticeEmail"].Properties.Value("password").OneOf[0] = &jsonschema.Schema{Type: "string"} // "": none
	all["NoticeWebhook"].Properties.Value("secret").OneOf[0] = &jsonschema.Schema{Type: "string"}
	refineInventory(all["Inventory"])
	refineAccount(all["Account"])
}

// noticeEvents are the words of on, too many for a tag.
func noticeEvents() (all []any) {
	for _, event := range config.NoticeEvents() {
		all = append(all, event)
	}
	return all
}

// refineRules lets one value stand where a list may, and a file where the list can be long.
func refineRules(rule, match *jsonschema.Schema) {
	either(rule, "schedule", rule.Properties.Value("schedule").Items, listOf(rule.Properties.Value("schedule")))
	match.Properties.Value("mac").Items.Pattern = macForm
	for key, p := range match.Properties.FromOldest() {
		forms := []*jsonschema.Schema{p.Items, listOf(p)}
		if slices.Contains([]string{"source", "mac", "account", "device"}, key) {
			forms = append(forms, groupOf("file", someText()))
		}
		if p.Type == "array" {
			either(match, key, forms...)
		}
	}
}

// listOf is the list that a key's schema has beside its description.
func listOf(p *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: p.Type, Items: p.Items, MinItems: p.MinItems}
}

// refineInventory lets dsn be empty, which is none, and asks for it where it is needed.
func refineInventory(inventory *jsonschema.Schema) {
	inventory.Properties.Value("dsn").OneOf[0] = &jsonschema.Schema{Type: "string"}
	inventory.If = having("store", &jsonschema.Schema{Const: config.StorePostgres})
	inventory.Then = &jsonschema.Schema{Required: []string{"dsn"}}
}

// refineAccount lets mailboxes be a list or the file that has one, and asks for what a pattern needs.
func refineAccount(account *jsonschema.Schema) {
	either(account, "mailboxes", listOf(account.Properties.Value("mailboxes")), groupOf("file", someText()))
	account.If = having("login", &jsonschema.Schema{Pattern: `[*?]`})
	account.Then = &jsonschema.Schema{Required: []string{"mailboxes", "sources"}}
	account.Not = &jsonschema.Schema{Required: []string{"password", "passwords"}}
}

// addDefaults writes the values that hold without the key.
func addDefaults(all jsonschema.Definitions, e examples) {
	for _, v := range []any{e.Defaults, e.Defaults.Log, e.Defaults.Log.Rotate, e.Defaults.Admin,
		e.Defaults.Inventory, e.Defaults.Inventory.Keep, e.Defaults.Inventory.Journal, e.Defaults.Inventory.Enrich, *e.SNMP.Auth, *e.SNMP.Privacy,
		e.Listener, e.Listener.Limits,
		e.Upstream, e.Upstream.Limits, e.Upstream.Guesses, *e.Defaults.Certificates[0].LocalCA, *e.Certificates[1].ACME,
		*e.Modern[0].OAuth2, e.Accounts[0], e.Defaults.Notices, *e.Notices.Email, e.Notices.Webhooks[0]} {
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
func addTaken(all jsonschema.Definitions) {
	groups := map[string]string{"listeners[]": "Listener", "accounts[]": "Account", "rules[]": "Rule"}
	for _, u := range config.NotBuilt() {
		if len(u.Taken) == 0 {
			continue
		}
		values := make([]any, len(u.Taken))
		for i, text := range u.Taken {
			if err := json.Unmarshal([]byte(text), &values[i]); err != nil {
				values[i] = text // a word, and neither a number nor a truth
			}
		}
		group, key, _ := strings.Cut(u.Key, ".")
		all[groups[group]].Properties.Set(key, &jsonschema.Schema{Description: "Not built yet beyond this value.", Enum: values})
	}
}
