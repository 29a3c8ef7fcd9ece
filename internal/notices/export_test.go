package notices

import "context"

// The bounds of an outbox, and of the texts of a message.
const (
	MaxTold    = maxTold
	MaxWaiting = maxWaiting
	MaxText    = maxText
	MaxClaims  = maxClaims
)

// FakeChannel is a channel of a test.
func FakeChannel(name string, send func(ctx context.Context, m *Message) error) Channel {
	return Channel{Name: name, key: name, send: send}
}

// ParseOutbox reads the file of an outbox, and writes it again.
func ParseOutbox(data []byte, path string) error {
	o, err := parse(data)
	if err != nil {
		return err
	}
	return o.save(path)
}

// Sentences are those that a message tells people.
func (m *Message) Sentences() []string { return m.sentences() }
