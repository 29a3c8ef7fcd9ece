package main

import (
	"testing"

	"drawbridge/config"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// guessConfig is the configuration of guessWorld's bridge with more behind it.
func (w *world) guessConfig(guesses, more string) *config.Config {
	w.t.Helper()
	u := w.bridge.cfg().Upstreams[0]
	return w.configure(bridgeConfig, "upstreams:\n"+w.upstream("mail", u.IMAP, u.POP3, "guesses: "+guesses)+more)
}

// TestGeneration_CountsOutliveIt and hold under the next one's bounds.
func TestGeneration_CountsOutliveIt(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	w.guess("127.0.0.1", sandbox.IMAP, "wrong1", wrongPassword[sandbox.IMAP])
	w.guess("127.0.0.2", sandbox.IMAP, "wrong2", wrongPassword[sandbox.IMAP])
	first := w.bridge.holds()
	g, err := w.bridge.build(w.guessConfig("{count: 2, per: 30m}", "contact: ext. 4711\n"), first)
	must(t, err)
	if w.bridge.holds() != first {
		t.Error("a generation that was only built holds")
	}
	w.bridge.swap(g)
	w.guess("127.0.0.3", sandbox.IMAP, "wrong3", tooManyFailures[sandbox.IMAP])
	if g, err = w.bridge.build(w.guessConfig("{count: 4, per: 30m}", ""), g); err != nil {
		t.Fatal(err)
	}
	w.bridge.swap(g)
	w.guess("127.0.0.4", sandbox.IMAP, "wrong4", wrongPassword[sandbox.IMAP])
	if w.bridge.cfg().Upstreams[0].Guesses.Count != 4 {
		t.Error("the old configuration is told")
	}
}

// TestGeneration_FaultChangesNothing of what holds.
func TestGeneration_FaultChangesNothing(t *testing.T) {
	t.Parallel()
	w := guessWorld(t, "{count: 2, per: 30m}")
	holds := w.bridge.holds()
	for name, spoil := range map[string]func(*config.Config){
		"a certificate that is not there": func(c *config.Config) {
			c.Certificates = []config.Certificate{{File: &config.CertificateFile{Certificate: "/nowhere.pem", Key: "/nowhere.key"}}}
		},
		"a listener that completes no handshake": func(c *config.Config) {
			c.Listeners[0].Ciphers = config.Ciphers{Mode: "list", Suites: []uint16{0x1301}}
		},
		"rules to nowhere": func(c *config.Config) { c.Upstreams = nil },
	} {
		cfg := w.guessConfig("{count: 1, per: 30m}", "")
		spoil(cfg)
		if g, err := w.bridge.build(cfg, holds); err == nil || g != nil {
			t.Errorf("%s: built %v, %v", name, g, err)
		}
		if w.bridge.holds() != holds {
			t.Fatalf("%s: another generation holds", name)
		}
	}
	r := w.guess("127.0.0.1", sandbox.IMAP, "right", "OK [CAPABILITY ")
	if r.Outcome != inventory.OutcomeBridged {
		t.Errorf("outcome %s, want bridged", r.Outcome)
	}
}
