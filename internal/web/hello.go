package web

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// pair is a name and its value, both as sent.
type pair struct{ Name, Value string }

// readPairs reads an object of strings, sorted by name. Anything else gives none.
func readPairs(raw json.RawMessage) []pair {
	var m map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	var pairs []pair
	for name, value := range m {
		pairs = append(pairs, pair{name, fmt.Sprint(value)})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.Name, b.Name) })
	return pairs
}

// helloView is what a page shows of a ClientHello.
type helloView struct {
	Format        string   `json:"format"`
	RecordVersion string   `json:"record_version"`
	MaxVersion    string   `json:"max_version"`
	ServerName    string   `json:"server_name"`
	Suites        []string `json:"suites"`
	Groups        []string `json:"groups"`
	Signatures    []string `json:"signatures"`
	JA3           string   `json:"ja3"`
	JA4           string   `json:"ja4"`
	Direct        bool     `json:"direct"`
}

// readHello reads the hello of a record, and names what has a name.
func readHello(raw json.RawMessage) helloView {
	var h helloView
	if len(raw) == 0 || json.Unmarshal(raw, &h) != nil {
		return helloView{}
	}
	name(h.Suites, tls.CipherSuiteName)
	name(h.Groups, func(code uint16) string { return tls.CurveID(code).String() })
	name(h.Signatures, func(code uint16) string { return tls.SignatureScheme(code).String() })
	return h
}

// name replaces codes of four hex digits by their names, as far as the standard library knows them.
func name(codes []string, of func(uint16) string) {
	for i, c := range codes {
		if n, err := strconv.ParseUint(c, 16, 16); err == nil {
			codes[i] = of(uint16(n))
		}
	}
}
