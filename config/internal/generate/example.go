package main

import (
	"iter"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"drawbridge/config"
)

// examples are the values that schema and reference show.
type examples struct {
	Defaults     config.Config
	Listener     config.Listener
	Upstream     config.Upstream
	Certificates []config.Certificate
	Rules        []config.Rule
}

// minimal is a file that leaves everything to the defaults and shows one entry of each kind.
const minimal = `
certificates:
  - local_ca: {names: [bridge.contoso.local, 10.20.0.5]}
  - acme: {names: [bridge.contoso.com], email: it@contoso.com}
rules:
  - match: {source: 10.20.40.0/24, account: "*@plant2.contoso.com", protocol: [imap, pop3]}
    upstream: exchange-online
  - match: {listener: [imaps, imap], readiness: legacy, not: {blockers: [no_tls, starttls_port]}}
    upstream: exchange-online
  - match: {blockers: []}
    upstream: exchange-online
    stage: bridge
`

func example() (examples, error) {
	defaults, err := parse("drain: 2m")
	if err != nil {
		return examples{}, err
	}
	filled, err := parse(minimal)
	if err != nil {
		return examples{}, err
	}
	file := &config.CertificateFile{Certificate: "/etc/ssl/bridge.pem", Key: "/etc/ssl/bridge.key"}
	return examples{
		Defaults:     *defaults,
		Listener:     defaults.Listeners[0],
		Upstream:     defaults.Upstreams[0],
		Certificates: append(filled.Certificates, config.Certificate{File: file}),
		Rules:        filled.Rules,
	}, nil
}

func parse(text string) (*config.Config, error) {
	return config.Parse("drawbridge.yaml", []byte(text), config.Environment{Hostname: "bridge-1"})
}

// isExample tells the keys whose shown values are no defaults.
func isExample(t reflect.Type, key string) bool {
	switch t.Name() + "." + key {
	case "Config.name", "Listener.name", "Listener.address", "Upstream.imap", "Upstream.pop3", "Upstream.auth", "ACME.names", "ACME.email":
		return true
	}
	return false
}

// fieldsOf returns the fields of a struct that are keys.
func fieldsOf(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); keyOf(f) != "-" && !yield(f) {
				return
			}
		}
	}
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

// leafOf returns a value as the file has it, or false for groups and lists of groups.
func leafOf(f reflect.StructField, v reflect.Value) (any, bool) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return config.FormatDuration(x), true
	case config.Ciphers:
		return x.Mode, true
	case []string:
		return x, x != nil
	case *[]string:
		if x == nil {
			return nil, false
		}
		return *x, true
	case []netip.Prefix:
		return texts(x), x != nil
	case string, int, int64:
		if f.Tag.Get("drawbridge") == "size" {
			return config.FormatSize(v.Int()), true
		}
		return x, true
	}
	return nil, false
}

func texts(prefixes []netip.Prefix) []string {
	all := make([]string, len(prefixes))
	for i, p := range prefixes {
		all[i] = strings.TrimSuffix(p.String(), "/32")
	}
	return all
}
