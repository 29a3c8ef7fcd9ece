package certs

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// table finds the certificate for a server name. It is never changed once built.
type table struct {
	first *tls.Certificate
	exact map[string]*tls.Certificate
	wild  map[string]*tls.Certificate // "*.contoso.com" as ".contoso.com"
}

// newTable lists each entry's certificate under its names. Of entries that share a name the first has it.
func newTable(entries []*entry) *table {
	t := &table{
		first: entries[0].cert,
		exact: make(map[string]*tls.Certificate),
		wild:  make(map[string]*tls.Certificate),
	}
	for _, e := range entries {
		for _, name := range e.names {
			t.add(name, e.cert)
		}
	}
	return t
}

func (t *table) add(name string, cert *tls.Certificate) {
	names := t.exact
	if suffix, wild := strings.CutPrefix(name, "*"); wild {
		name, names = suffix, t.wild
	}
	if names[name] == nil {
		names[name] = cert
	}
}

// find prefers a whole name to a wildcard, and without either gives the first entry's certificate: a device that is
// shown some certificate may be told to trust it, one that is shown none has nothing to go by.
func (t *table) find(serverName string) *tls.Certificate {
	if serverName == "" {
		return t.first
	}
	name := strings.ToLower(strings.TrimSuffix(serverName, "."))
	if cert := t.exact[name]; cert != nil {
		return cert
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		if cert := t.wild[name[dot:]]; cert != nil {
			return cert
		}
	}
	return t.first
}

// namesOf are the names a certificate holds for, as it states them; without any, its common name, as old devices read it.
func namesOf(leaf *x509.Certificate) []string {
	var names []string
	for _, name := range leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if names == nil && leaf.Subject.CommonName != "" {
		names = append(names, strings.ToLower(leaf.Subject.CommonName))
	}
	return names
}
