package inventory

import (
	"net/netip"
	"slices"
	"strings"

	"drawbridge/internal/hello"
)

// Stranger stands in place of the account in the device id of a session without a verified login.
const Stranger = "-"

// Device returns the id of the device that the session belongs to, source/account; source/- for a stranger. It is
// empty where the source is not known.
func (s *Session) Device() string { return s.DeviceOf(s.Account) }

// DeviceOf returns the id that the session's device has once it is verified as account.
func (s *Session) DeviceOf(account string) string {
	source := s.sourceID()
	if source == "" {
		return ""
	}
	if account == "" {
		return source + "/" + Stranger
	}
	return source + "/" + accountName(account)
}

// sourceID is the MAC address where devices are told apart by it and it is known, else the address.
func (s *Session) sourceID() string {
	if s.ByMAC && s.Source.MAC != "" {
		return s.Source.MAC
	}
	ip := PlainAddress(s.Source.IP)
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// accountName returns a verified account as a record has it.
func accountName(account string) string { return Printable(cut(strings.ToLower(account), maxName)) }

// PlainAddress returns ip as records have it: IPv4 never mapped into IPv6, and without a zone.
func PlainAddress(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// Readiness returns what the device could do without the bridge: what its hello tells, unknown where none was seen.
func (s *Session) Readiness() hello.Readiness { return s.Hello.Readiness() }

// Blockers returns what keeps the device from going direct, in the order of hello.BlockerOrder: what its hello tells,
// and then what its login and its listener do. It is nil where nothing is known to.
func (s *Session) Blockers() []hello.Blocker {
	found := s.Hello.Blockers()
	if s.triedPassword() {
		found = append(found, hello.BlockerPasswordLogin)
	}
	if s.TLSMode == "starttls" {
		found = append(found, hello.BlockerSTARTTLSPort)
	}
	return found
}

// The words by which a record tells a login with a password from one without.
const (
	mechanismToken       = "XOAUTH2"
	quirkPasswordInClear = "password_in_clear"
)

// triedPassword reports whether the last login used or tried a password; one that came before TLS was tried too.
func (s *Session) triedPassword() bool {
	if s.AuthMechanism == "" {
		return slices.Contains(s.Quirks, quirkPasswordInClear)
	}
	return s.AuthMechanism != mechanismToken
}
