package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"drawbridge/config"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, "drawbridge.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("drawbridge.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("drawbridge.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, text []byte) error {
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return err
	}
	datesAsTexts(&tree)
	var document any
	if err := tree.Decode(&document); err != nil {
		return err
	}
	return s.Validate(document)
}

// datesAsTexts makes dates what they are in JSON.
func datesAsTexts(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, child := range n.Content {
		datesAsTexts(child)
	}
}

func TestSchema_TakesEveryGoodFile(t *testing.T) {
	s := compiled(t)
	for _, file := range append(glob(t, "testdata/good-*.yaml"), "reference.yaml") {
		if err := validate(s, read(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// beyondSchema are the broken files whose shape is right: only the program can tell what is wrong with them.
var beyondSchema = map[string]bool{
	"addresses-same": true, "admin-off-loopback": true, "certificate-same-name": true, "ciphers-misspelt": true,
	"ciphers-never": true, "ciphers-newer-than-min-version": true, "ciphers-not-built": true, "merge-key": true, "min-version": true,
	"duration-too-long": true, "listener-address": true, "listener-and-admin": true,
	"listener-host": true, "listeners-same": true, "record-too-large": true, "record-too-small": true,
	"rule-listener": true, "rule-nothing": true, "rule-protocol": true, "rule-upstream": true, "two-documents": true,
	"upstream-ca-missing": true, "upstream-ca-no-pem": true, "upstream-port": true, "upstream-without-pop3": true,
	"tag": true, "timezone": true, "token-key-missing": true, "token-key-short": true, "upstream-oauth2": true,
	"account-any-mailbox": true, "account-mailboxes-file": true, "account-no-password": true, "account-pattern-keys": true,
	"account-rule-no-password": true, "account-single-mailboxes": true, "account-twice": true,
	"oauth2-authority-http": true, "oauth2-authority-path": true, "oauth2-ca-missing": true, "oauth2-certificate-missing": true,
	"oauth2-device-code-secret": true, "oauth2-managed-identity": true, "oauth2-missing": true, "oauth2-password-consumers": true,
	"oauth2-secret-colon": true, "oauth2-secret-missing": true, "oauth2-secret-variable": true, "oauth2-tenant-common": true,
	"oauth2-two-credentials": true, "oauth2-workload-identity": true,
	"admin-address": true, "admin-certificate-missing-file": true, "admin-no-certificate": true, "admin-no-password": true,
	"admin-password":      true,
	"inventory-dsn-empty": true, "inventory-dsn-form": true, "inventory-dsn-sqlite": true, "inventory-dsn-sslmode": true,
	"inventory-dsn-url":      true,
	"inventory-dsn-variable": true, "inventory-dsn-words": true, "inventory-journal": true, "inventory-journal-large": true,
	"inventory-keep-zero": true, "inventory-keep-size": true, "inventory-keep-days": true, "inventory-keep-sessions": true,
	"inventory-mac":      true,
	"snmp-other-version": true,
	"notices-clear":      true, "notices-password": true, "notices-times": true, "notices-user": true, "notices-webhooks": true,
	"contract": true, "rule-until": true,
}

func TestSchema_RefusesEveryFileOfWrongShape(t *testing.T) {
	s := compiled(t)
	for _, file := range glob(t, "testdata/bad-*.yaml") {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "bad-"), ".yaml")
		if err := validate(s, read(t, file)); (err == nil) != beyondSchema[name] {
			t.Errorf("%s: the schema says %v", file, err)
		}
	}
}

var (
	commented = regexp.MustCompile(`(?m)^(\s*)#(\S)`)
	proseLine = regexp.MustCompile(`(?m)^\s*#( .*)?\n`)
)

func TestReference_IsTheDefaults(t *testing.T) {
	got, err := config.Parse("reference.yaml", read(t, "reference.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "reference", got, parse(t, "drain: 2m"))
}

func TestReference_ExamplesLoad(t *testing.T) {
	folder := t.TempDir()
	pair(t, folder, "bridge")
	text := proseLine.ReplaceAllString(string(read(t, "reference.yaml")), "")
	text = commented.ReplaceAllString(text, "$1$2")
	write(t, filepath.Join(folder, "drawbridge"), []byte("hunter2"), 0o600)
	write(t, filepath.Join(folder, "token-key"), []byte("hunter2 hunter2 hunter2 hunter2 hunter2"), 0o600)
	write(t, filepath.Join(folder, "mail-password"), []byte("hunter2 hunter2"), 0o600)
	write(t, filepath.Join(folder, "hook-secret"), []byte("hunter2 hunter2"), 0o600)
	write(t, filepath.Join(folder, "snmp-auth"), []byte("hunter2 hunter2"), 0o600)
	write(t, filepath.Join(folder, "snmp-privacy"), []byte("hunter2 hunter2"), 0o600)
	certificate, key := pair(t, folder, "app")
	write(t, filepath.Join(folder, "drawbridge-app.pem"), append(certificate, key...), 0o600)
	for _, place := range []string{"/etc/ssl/", "/run/secrets/"} {
		text = strings.ReplaceAll(text, place, folder+string(os.PathSeparator))
	}
	c, err := in(folder, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	equal(t, "certificates", len(c.Certificates), 3)
	equal(t, "upstreams", len(c.Upstreams), 3)
	equal(t, "accounts", len(c.Accounts), 3)
	equal(t, "rules", len(c.Rules), 5)
	for _, w := range c.Warnings {
		if !strings.Contains(w, "the certificate end") { // that of this test lives an hour
			t.Errorf("the examples are warned of: %s", w)
		}
	}
	if err := validate(compiled(t), []byte(text)); err != nil {
		t.Error(err)
	}
}

// file returns a document whose one value stands at a shape such as rules[].match.mac.
func file(shape string, value any) map[string]any {
	head, rest, more := strings.Cut(shape, ".")
	if more {
		value = file(rest, value)
	}
	if key, list := strings.CutSuffix(head, "[]"); list {
		return map[string]any{key: []any{value}}
	}
	return map[string]any{strings.Replace(head, "*", "exchange-online", 1): value}
}

func faultsOf(t *testing.T, document any) string {
	t.Helper()
	text, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = config.Parse("drawbridge.yaml", text, machine); err != nil {
		return err.Error()
	}
	return ""
}

func TestNotBuilt_EveryKeyOfTheTableSaysSo(t *testing.T) {
	concrete := strings.NewReplacer("[]", "[0]", "*", "exchange-online")
	for _, u := range config.NotBuilt() {
		values := u.Values
		if values == nil {
			values = []string{"some value"}
		}
		for _, value := range values {
			got := faultsOf(t, file(u.Key, value))
			key := concrete.Replace(u.Key) + ": "
			if !strings.Contains(got, key) || !strings.Contains(got, "not built yet") || strings.Contains(got, "unknown key") {
				t.Errorf("%s %s: %s", u.Key, value, got)
			}
		}
		for _, taken := range u.Taken {
			if got := faultsOf(t, file(u.Key, taken)); strings.Contains(got, "not built yet") || strings.Contains(got, "unknown key") {
				t.Errorf("%s: %v is not taken: %s", u.Key, taken, got)
			}
		}
	}
}

// TestSchema_ValuesOfClosedLists offers each word of the schema's lists to the program.
func TestSchema_ValuesOfClosedLists(t *testing.T) {
	for shape, s := range keysOf(compiled(t), "") {
		for _, s := range append([]*jsonschema.Schema{s}, s.AnyOf...) {
			if s.Enum == nil {
				continue
			}
			for _, value := range s.Enum.Values {
				if _, word := value.(string); !word {
					continue // 1.0 is a text in the program; the good files have it
				}
				if got := faultsOf(t, file(shape, value)); strings.Contains(got, fmt.Sprintf("%q", fmt.Sprint(value))) {
					t.Errorf("%s: %v is in the schema: %s", shape, value, got)
				}
			}
			if got := faultsOf(t, file(shape, "nonsense")); !strings.Contains(got, "nonsense") && !strings.Contains(got, "not built yet") {
				t.Errorf("%s: nonsense was taken: %s", shape, got)
			}
		}
	}
}

// keysOf returns every key of a schema by its shape.
func keysOf(s *jsonschema.Schema, shape string) map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	add := func(s *jsonschema.Schema, shape string) {
		for k, v := range keysOf(s, shape) {
			all[k] = v
		}
	}
	for s.Ref != nil {
		s = s.Ref
	}
	for key, child := range s.Properties {
		path := strings.TrimPrefix(shape+"."+key, ".")
		if strings.Count(path, ".not") > 1 {
			continue // the program reads no not inside of a not
		}
		all[path] = child
		add(child, path)
	}
	for _, form := range s.AnyOf {
		add(form, shape)
	}
	if items, ok := s.Items2020, s.Items2020 != nil; ok {
		add(items, shape+"[]")
	}
	if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		add(more, shape+".*")
	}
	return all
}

func TestSchema_HasTheKeysOfTheProgram(t *testing.T) {
	known := config.KnownKeys(t)
	inSchema := keysOf(compiled(t), "")
	for key := range known {
		if inSchema[key] == nil && !strings.HasPrefix(key, "rules[].match.not.not") {
			t.Errorf("the program reads %s, and the schema has it not", key)
		}
	}
	taken := map[string]bool{}
	for _, u := range config.NotBuilt() {
		if len(u.Taken) > 0 {
			taken[u.Key] = true
		}
	}
	for key := range inSchema {
		if !known[key] && !taken[key] {
			t.Errorf("the schema has %s, and the program does not read it", key)
		}
	}
}
