package enrich

import (
	"fmt"
	"io"
)

// Secret is an SNMP community or password. It prints as [redacted] whatever the verb or encoder.
type Secret struct{ value string }

// NewSecret makes a Secret of s.
func NewSecret(s string) Secret { return Secret{s} }

const redacted = "[redacted]"

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format prints "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
