package config

import (
	"cmp"
	"crypto/tls"
	"slices"
	"strings"
)

// Ciphers are the cipher suites that a listener offers.
type Ciphers struct {
	Mode   string   // "legacy", "modern" or "list"
	Suites []uint16 // with Mode "list": the IANA numbers in the order of the file; TLS 1.3's are taken and change nothing
}

func (c *Ciphers) read(v value) {
	const mend = "write legacy, modern or a list of IANA names"
	switch {
	case v.isList():
		*c = Ciphers{Mode: "list", Suites: readAll(v.filled(mend, "the list is empty: no device could connect"), suite)}
	case v.isGroup():
		v.fault(wrong(mend, "a group of keys stands where cipher suites belong"))
	default:
		read(v, &c.Mode, oneOf("legacy", "modern"))
	}
}

// suite reads the IANA name of a cipher suite that crypto/tls has.
func suite(text string) (uint16, *mistake) {
	known := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
	names := make([]string, 0, len(known))
	for _, s := range known {
		if s.Name == text {
			return s.ID, nil
		}
		names = append(names, s.Name)
	}
	never := func(part string) bool { return strings.Contains(text, part) }
	if slices.ContainsFunc([]string{"EXPORT", "_NULL_", "_anon_", "_DES_CBC_", "_DES40_"}, never) { // nowhere in Drawbridge
		return 0, wrong("leave it out", "%s protects nothing and is never served", quoted(text))
	}
	instead := cmp.Or(nearest(text, names), "IANA names such as TLS_RSA_WITH_AES_128_CBC_SHA, or legacy for all that there are")
	return 0, wrong("write "+instead, "%s is no cipher suite of this program", quoted(text))
}

// checkCiphers tells a listener whose suites all belong to newer versions than its oldest: no device with that could ever
// connect, and serve would not start.
func (d *decoder) checkCiphers(l *Listener, path string) {
	versions := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12}
	oldest, ok := versions[l.MinVersion]
	if !ok || l.Ciphers.Mode == "legacy" || l.Ciphers.Mode == "list" && len(l.Ciphers.Suites) == 0 {
		return
	}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(s.SupportedVersions, oldest) && (l.Ciphers.Mode == "list" && slices.Contains(l.Ciphers.Suites, s.ID) ||
			l.Ciphers.Mode == "modern" && oldest == tls.VersionTLS12) {
			return
		}
	}
	d.faultIn(path+".ciphers", wrong("write min_version: 1.2 beside it, or ciphers: legacy",
		"none of these suites exists in TLS %s, the oldest version that the listener is to serve", l.MinVersion))
}
