package certs

import (
	"crypto/tls"
	"slices"
	"time"
)

// Facts describe the certificate that an entry shows at the moment.
type Facts struct {
	Kind        string    `json:"kind"`                 // "local_ca", "acme" or "file"
	Names       []string  `json:"names"`                // as configured; of files, as the leaf has them
	Subject     string    `json:"subject"`              // RFC 4514 form
	Issuer      string    `json:"issuer"`               // RFC 4514 form
	Serial      string    `json:"serial"`               // lower case hex
	Fingerprint string    `json:"fingerprint"`          // SHA-256 of the leaf, lower case hex
	NotBefore   time.Time `json:"not_before"`           // UTC
	NotAfter    time.Time `json:"not_after"`            // UTC
	Renewal     time.Time `json:"renewal,omitzero"`     // when it is due for renewal; zero for files
	LastError   string    `json:"last_error,omitempty"` // of the last renewal or reload, if that failed
	Fallback    bool      `json:"fallback,omitempty"`   // an ACME entry that the local CA serves until ACME has issued
	MessageSize int       `json:"message_size"`         // bytes of the TLS 1.2 Certificate handshake message
}

// List describes each entry, in the order of Options.Entries.
func (s *Source) List() []Facts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Facts, 0, len(s.entries))
	for _, e := range s.entries {
		out = append(out, e.facts())
	}
	return out
}

func (e *entry) facts() Facts {
	leaf := e.cert.Leaf
	f := Facts{
		Kind:        e.kind,
		Names:       slices.Clone(e.names),
		Subject:     leaf.Subject.String(),
		Issuer:      leaf.Issuer.String(),
		Serial:      leaf.SerialNumber.Text(16),
		Fingerprint: fingerprint(leaf.Raw),
		NotBefore:   leaf.NotBefore.UTC(),
		NotAfter:    leaf.NotAfter.UTC(),
		Fallback:    e.fallen,
		MessageSize: messageSize(e.cert),
	}
	if e.kind != kindFile {
		f.Renewal = renewalOf(leaf).UTC()
	}
	if e.failure != nil {
		f.LastError = e.failure.Error()
	}
	return f
}

// messageSize is the length of the Certificate message up to TLS 1.2 (RFC 5246, section 7.4.2): header, length of the
// list, and a length before each certificate.
func messageSize(cert *tls.Certificate) int {
	size := 4 + 3
	for _, der := range cert.Certificate {
		size += 3 + len(der)
	}
	return size
}
