package main

import (
	"crypto/tls"
	"strings"
	"testing"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// TestListener_CommandsInjectedBeforeTLSAreNotExecuted sends commands in clear in one write with STARTTLS or STLS, as an attacker
// in between would, and then the device's handshake.
func TestListener_CommandsInjectedBeforeTLSAreNotExecuted(t *testing.T) {
	t.Parallel()
	const account, secret = "victim@contoso.example", "canary-injected"
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: account, Password: secret, Messages: [][]byte{messageOf(1)}})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address())))
	for protocol, lines := range map[sandbox.Protocol][]string{
		sandbox.IMAP: {"a STARTTLS", "b LOGIN " + account + " " + secret},
		sandbox.POP3: {"STLS", "USER " + account, "PASS " + secret},
	} {
		t.Run(string(protocol), func(t *testing.T) {
			before := len(w.records.sessions())
			c := dial(t, w.address(protocol, true), 0)
			c.line() // the greeting
			c.say(lines...)
			if heard, _ := c.rest(); strings.Contains(heard, "b OK") || strings.Contains(heard, "logged on") {
				t.Errorf("the injected login was answered: %q", heard)
			}
			s := w.records.next(t, before)
			if s.Outcome != inventory.OutcomeProtocolError || s.Phase != inventory.PhaseHandshake ||
				!strings.Contains(s.Reason, "plain text came together with the start of TLS") {
				t.Errorf("record: outcome %s, phase %s, reason %q, want protocol_error in handshake for plain text", s.Outcome, s.Phase, s.Reason)
			}
			if n := len(w.exchange.Log().Logins()); n != 0 || w.exchange.Log().Contains(secret) {
				t.Errorf("%d logins reached the mail server, want none", n)
			}
		})
	}
}

// TestListener_WhatComesAfterTheHandshakeCounts is the other side: a device that waits, as the RFCs ask, is served.
func TestListener_WhatComesAfterTheHandshakeCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap, pop3 := w.listen(sandbox.ListenOptions{}), w.listen(sandbox.ListenOptions{Protocol: sandbox.POP3})
	w.start(w.configure(bridgeConfig, "upstreams:\n"+w.upstream("mail", imap.Address(), pop3.Address())))
	for protocol, dialog := range map[sandbox.Protocol][2]string{
		sandbox.IMAP: {"b LOGIN device@contoso.example right\r\nc LOGOUT", "c OK"},
		sandbox.POP3: {"USER device@contoso.example\r\nPASS right\r\nSTAT\r\nQUIT", "+OK 1 "},
	} {
		t.Run(string(protocol), func(t *testing.T) {
			c := dial(t, w.address(protocol, true), 0)
			c.startTLS(string(protocol), tls.VersionTLS10)
			c.say(dialog[0]) // pipelined: what follows the login must reach the upstream
			c.hear(dialog[1])
		})
	}
}
