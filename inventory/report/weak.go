package report

import (
	"slices"
	"strings"
	"time"

	"drawbridge/inventory"
)

// use tells when and how a device used encryption that is no longer taken for any.
type use struct {
	versions    []string // by their names in reports, the weakest first
	first, last time.Time
	sessions    int64
}

// weakUse returns a device's use of versions below TLS 1.2. Sessions without a completed handshake count where the
// device is known to speak without TLS: otherwise they are attempts that came to nothing.
func weakUse(d *inventory.Device) use {
	var u use
	inClear := slices.Contains(d.Blockers, "no_tls")
	for _, v := range d.TLSVersions {
		if !weakVersion(v.Version) && !(inClear && v.Version == "none") {
			continue
		}
		u.versions = append(u.versions, versionWord(v.Version))
		u.sessions += v.Sessions
		if u.first.IsZero() || v.FirstSeen.Before(u.first) {
			u.first = v.FirstSeen
		}
		if v.LastSeen.After(u.last) {
			u.last = v.LastSeen
		}
	}
	return u
}

// weakVersion reports whether RFC 8996 or RFC 7568 or RFC 6176 forbid a version.
func weakVersion(version string) bool {
	return version == "ssl2" || version == "ssl3" || version == "1.0" || version == "1.1"
}

// versionWord is versionName for a sentence.
func versionWord(version string) string {
	if version == "none" {
		return "no TLS"
	}
	return versionName(version)
}

func (u use) String() string { return strings.Join(u.versions, ", ") }

// stranger reports whether a device stands for the sessions of a source without a verified login.
func stranger(d *inventory.Device) bool { return d.Account == inventory.Stranger }
