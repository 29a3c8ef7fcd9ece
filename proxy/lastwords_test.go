package proxy_test

import (
	"io"
	"testing"
	"time"

	"drawbridge/inventory"
)

// cardMail is what an upstream answers to RETR as far as the middle of a mail, which has a line that reads like POP3.
const cardMail = "+OK\r\nSubject: your card\r\n\r\nit says\r\n-ERR card 4711"

func TestServer_LineOfAMailIsNeverTheUpstreamsLastWord(t *testing.T) {
	for name, leave := range map[string]func(*world, *device){
		"the device leaves in the middle":   func(_ *world, d *device) { _ = d.Close() },
		"the upstream leaves in the middle": func(_ *world, d *device) { d.say("NOOP"); d.end() },
		"the device says QUIT in the middle": func(_ *world, d *device) {
			d.say("QUIT")
			_ = d.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.upstream.answerWith(func(line string) string {
				return map[string]string{"RETR 1": cardMail, "NOOP": "close", "QUIT": "close"}[line]
			})
			d := w.dial(0)
			d.logIn("right")
			d.hear("+OK Mailbox open.")
			d.say("RETR 1")
			for _, line := range []string{"+OK", "Subject: your card", "", "it says", "-ERR card 4711"} {
				d.hear(line)
			}
			leave(w, d)
			if s := w.record(); s.UpstreamSays != "" || s.Reason != "" {
				t.Errorf("a line of the mail is on record: %q, %q", s.UpstreamSays, s.Reason)
			}
		})
	}
}

func TestServer_RefusedCommandIsNotTheUpstreamsLastWordWhenTheDeviceLeaves(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		return map[string]string{"TOP 1 0": "-ERR unknown command", "QUIT": "-ERR some messages were not deleted\r\n+OK bye"}[line]
	})
	d := w.dial(0)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.say("TOP 1 0")
	d.hear("-ERR unknown command")
	_ = d.Close()
	if s := w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, ""); s.UpstreamSays != "" {
		t.Errorf("upstream_says: %q", s.UpstreamSays)
	}
}

// hangUp closes without a word to the other side's kernel: what it gets is a reset.
func hangUp(c interface{ SetLinger(int) error }) { _ = c.SetLinger(0) }

func TestServer_DeviceThatVanishedByAResetEndsTheUpstreamsSessionAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.ignoresEnd()
	raw := w.dialRaw()
	d := startTLS(t, raw, 0x0301)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.say("NOOP")
	d.hear("+OK") // nothing is under way to the device any more, whose failure would end the session too
	began := time.Now()
	hangUp(raw.(interface{ SetLinger(int) error }))
	_ = raw.Close()
	w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByDevice, "")
	if took := time.Since(began); took > patience/2 {
		t.Errorf("the session was held for %s", took)
	}
}

func TestServer_UpstreamThatVanishedByAResetEndsTheDevicesSessionAfterWhatItSaid(t *testing.T) {
	w := newWorld(t, nil)
	w.upstream.answerWith(func(line string) string {
		return map[string]string{"NOOP": "+OK last\r\n+OK words", "STAT": "reset"}[line]
	})
	d := w.dial(0)
	d.logIn("right")
	d.hear("+OK Mailbox open.")
	d.say("NOOP", "STAT")
	d.hear("+OK last")
	d.hear("+OK words")
	if rest, err := io.ReadAll(d.r); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v, want close_notify", rest, err)
	}
	w.expect(inventory.OutcomeBridged, inventory.PhaseRelay, inventory.EndedByUpstream, "")
}
