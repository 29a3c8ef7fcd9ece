// Package secret holds texts that nobody may print: passwords, tokens, keys.
package secret

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Secret is a text that cannot be printed by accident: fmt (any verb), JSON, YAML and zap show [redacted]. The zero value
// is the empty secret. Two Secrets are not to be compared with ==.
type Secret struct {
	// fmt calls no methods on the unexported fields of others' structs and prints what is in them: there it finds this
	// mark, and of the text only an address.
	mark  string
	value *string
}

// New hides text in a Secret.
func New(text string) Secret { return Secret{mark: redacted, value: &text} }

// Reveal returns the text itself, for the one who must send or check it. Whoever calls it keeps it out of logs, records
// and errors.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

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
