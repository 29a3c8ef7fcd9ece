package notices

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
)

// maxText is how long the sentences of a message for people are together, in bytes: Teams takes cards of 28 KB, Slack texts of 40,000
// characters.
const maxText = 16 << 10

// Message is what goes out by one channel at one time. Its JSON is the body for webhooks whose format is json.
type Message struct {
	ID      string         `json:"id"` // random
	Bridge  string         `json:"bridge"`
	Time    time.Time      `json:"time"`
	Test    bool           `json:"test,omitempty"`     // sent by drawbridge notices test
	Notices []Notice       `json:"notices"`            // the oldest first
	LeftOut map[string]int `json:"left_out,omitempty"` // by event: how many older ones there were no place for
}

// TestMessage is a message that says only that it comes through. id is unique.
func TestMessage(id, bridge string, now time.Time) *Message {
	return &Message{ID: id, Bridge: bridge, Time: now.UTC().Truncate(time.Second), Test: true, Notices: []Notice{}}
}

// things are what the events happen to, one and several, as subjects say it.
var things = map[string][2]string{
	config.NoticeConfigRefused:    {"configuration refused", "configurations refused"},
	config.NoticeUpstreamDown:     {"upstream down", "upstreams down"},
	config.NoticeStoreBehind:      {"store behind", "store behind"},
	config.NoticeDeviceFailing:    {"device failing", "devices failing"},
	config.NoticeDeviceNew:        {"new device", "new devices"},
	config.NoticeDeviceQuiet:      {"quiet device", "quiet devices"},
	config.NoticeStageAhead:       {"stage changes soon", "stages change soon"},
	config.NoticeCertificateAhead: {"certificate ends soon", "certificates end soon"},
	config.NoticeSecretAhead:      {"secret ends soon", "secrets end soon"},
}

// subject says in one line what the message is about.
func (m *Message) subject() string {
	if m.Test {
		return "Drawbridge " + m.Bridge + ": a test of notices"
	}
	var parts []string
	for _, event := range config.NoticeEvents() {
		n := m.LeftOut[event]
		for i := range m.Notices {
			if m.Notices[i].Event == event {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, things[event][min(n, 2)-1]))
		}
	}
	return "Drawbridge " + m.Bridge + ": " + strings.Join(parts, ", ")
}

// sentences are what the message tells people, the gravest events first, and at the end how much it does not tell.
func (m *Message) sentences() []string {
	if m.Test {
		return []string{"This is a test: notices of " + m.Bridge + " come through here."}
	}
	var all []string
	left, length := 0, 0
	for _, event := range config.NoticeEvents() {
		for i := range m.Notices {
			n := &m.Notices[i]
			if n.Event != event {
				continue
			}
			if length += len(n.Text); length > maxText && len(all) > 0 {
				left++
				continue
			}
			all = append(all, n.Text)
		}
		left += m.LeftOut[event]
	}
	if left > 0 {
		all = append(all, fmt.Sprintf("And %d more, which the log has.", left))
	}
	return all
}

// text is the message as plain text.
func (m *Message) text() string {
	lines := slices.Clone(m.sentences())
	for i := range lines {
		lines[i] = "- " + lines[i]
	}
	return m.subject() + "\n\n" + strings.Join(lines, "\n") + "\n"
}
