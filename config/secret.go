package config

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Secret is a text that cannot be printed by accident: fmt (any verb), JSON, YAML and zap show [redacted]. The zero
// value is the empty secret. Two Secrets are not to be compared with ==.
type Secret struct {
	// A pointer, because fmt calls no methods on unexported fields of others' structs: there it shows an address.
	value *string
}

// NewSecret hides text in a Secret.
func NewSecret(text string) Secret { return Secret{value: &text} }

// Reveal returns the text itself. Whoever calls it keeps it out of logs, records and errors.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Format implements fmt.Formatter: every verb prints [redacted].
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted].
func (s Secret) GoString() string { return redacted }

// MarshalText returns [redacted]; encoding/json and zap use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML returns [redacted].
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }
