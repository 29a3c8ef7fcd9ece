package main

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

// sayOnce is a server that says one thing to whoever connects, reads all that comes, and hangs up last.
func sayOnce(t *testing.T, text string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, text) // the device may have heard enough
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// TestTry_WhatNoBridgeSays plays a device against servers that break the protocol: it must end, within its bounds.
func TestTry_WhatNoBridgeSays(t *testing.T) {
	t.Parallel()
	const hi, pop = "* OK hi\r\n", "+OK hi\r\n"
	for _, c := range []struct{ name, protocol, text, step, says string }{
		{"endless line", "imap", "* OK " + strings.Repeat("x", tryLineSize), "greeting", errLongLine.Error()},
		{"endless answer", "imap", hi + strings.Repeat("* NO\r\n", tryLineCount), "starttls", errLongAnswer.Error()},
		{"large literal", "imap", hi + "* X {70000}\r\n", "starttls", errLongLine.Error()},
		{"literal cut short", "imap", hi + "* X {7}\r\nab", "starttls", "unexpected EOF"},
		{"farewell", "imap", "* BYE [UNAVAILABLE] \x1b[2J\r\n", "greeting", `* BYE [UNAVAILABLE] \u001b[2J`},
		{"farewell later", "imap", hi + "* BYE later\r\n", "starttls", "* BYE later"},
		{"continuation", "imap", hi + "+ go on\r\n", "starttls", "+ go on"},
		{"refusal", "imap", hi + "a1 BAD no\r\n", "starttls", "a1 BAD no"},
		{"clear text behind STARTTLS", "imap", hi + "a1 OK go\r\n* OK injected\r\n", "starttls", "more in clear text"},
		{"no TLS behind STARTTLS", "imap", hi + "a1 OK go\r\n", "handshake", "EOF"},
		{"refusal", "pop3", "-ERR [SYS/TEMP] later\r\n", "greeting", "-ERR [SYS/TEMP] later"},
		{"refusal of STLS", "pop3", pop + "-ERR no\r\n", "starttls", "-ERR no"},
		{"clear text behind STLS", "pop3", pop + "+OK go\r\n+OK injected\r\n", "starttls", "more in clear text"},
	} {
		t.Run(c.protocol+" "+c.name, func(t *testing.T) {
			p, _ := profileOf(defaultProfile)
			l := config.Listener{Name: "odd", Protocol: c.protocol, TLS: "starttls"}
			r := played(t, &trial{listener: l, address: sayOnce(t, c.text), profile: p})
			if r.OK || r.FailedStep != c.step || !strings.Contains(r.text(c.step), c.says) || r.Shows == "" || r.Mend == "" {
				t.Errorf("%+v, want a failed %s with %q", r, c.step, c.says)
			}
		})
	}
}

func TestTry_OldHelloAnswers(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"\x15\x03\x00\x00\x02\x02\x28": "alert 40: tls: handshake failure",
		"\x16\x03\x00\x00\x30\x02\x00": errServed.Error(),
		"* BYE no":                     "which is no TLS",
		"\x15\x03":                     "unexpected EOF",
	} {
		p, _ := profileOf("sslv3-hello")
		r := played(t, &trial{listener: config.Listener{Name: "odd", Protocol: "imap", TLS: "implicit"}, address: sayOnce(t, text), profile: p})
		if r.OK || r.FailedStep != "handshake" || !strings.Contains(r.text("handshake"), says) {
			t.Errorf("%q: %+v, want %q", text, r, says)
		}
	}
}

func TestTryPOP3_ListIsBounded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"+OK\r\n" + strings.Repeat("x\r\n", tryLineCount+1): errLongAnswer,
		"+OK\r\n..a\r\nb\r\n.\r\n":                          nil,
		"+OK\r\nx\r\n":                                      io.EOF,
	} {
		conn, err := net.Dial("tcp", sayOnce(t, text))
		must(t, err)
		got, err := (&tryPOP3{newTryLines(conn)}).list("CAPA")
		_ = conn.Close()
		if !errors.Is(err, want) || err == nil && strings.Join(got, "|") != ".a|b" {
			t.Errorf("%.20q: %q, %v, want %v", text, got, err, want)
		}
	}
}
