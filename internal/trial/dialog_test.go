package trial

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/config"
	"drawbridge/internal/secret"
	"drawbridge/internal/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// played plays a device and returns its report, once it has seen that no secret is in what is printed, and that the
// error and the report agree.
func played(t *testing.T, d *Device) *Report {
	t.Helper()
	out, err := json.Marshal(d.Play(t.Context(), func(Step) {}))
	must(t, err)
	if !d.Password.Empty() && strings.Contains(string(out), d.Password.Reveal()) {
		t.Errorf("the password is printed: %s", out)
	}
	r := &Report{}
	must(t, json.Unmarshal(out, r))
	if r.OK != (r.Err() == nil) {
		t.Errorf("the report says ok %t, its error is %v", r.OK, r.Err())
	}
	return r
}

// text is what a report says of a step.
func text(r *Report, step string) string {
	for _, s := range r.Steps {
		if s.Step == step {
			return s.Text
		}
	}
	return ""
}

// freeAddress is an address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

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
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
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

// TestPlay_WhatNoBridgeSays plays a device against servers that break the protocol: it must end, within its bounds.
func TestPlay_WhatNoBridgeSays(t *testing.T) {
	t.Parallel()
	const hi, pop = "* OK hi\r\n", "+OK hi\r\n"
	for _, c := range []struct{ name, protocol, text, step, says string }{
		{"endless line", "imap", "* OK " + strings.Repeat("x", lineSize), "greeting", errLongLine.Error()},
		{"endless answer", "imap", hi + strings.Repeat("* NO\r\n", lineCount), "starttls", errLongAnswer.Error()},
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
			p, _ := ProfileOf(DefaultProfile)
			l := config.Listener{Name: "odd", Protocol: c.protocol, TLS: "starttls"}
			r := played(t, &Device{Listener: l, Address: sayOnce(t, c.text), Profile: p})
			if r.OK || r.FailedStep != c.step || !strings.Contains(text(r, c.step), c.says) || r.Shows == "" || r.Mend == "" {
				t.Errorf("%+v, want a failed %s with %q", r, c.step, c.says)
			}
		})
	}
}

func TestPlay_OldHelloAnswers(t *testing.T) {
	t.Parallel()
	for sent, says := range map[string]string{
		"\x15\x03\x00\x00\x02\x02\x28": "alert 40: tls: handshake failure",
		"\x16\x03\x00\x00\x30\x02\x00": errServed.Error(),
		"* BYE no":                     "which is no TLS",
		"\x15\x03":                     "unexpected EOF",
	} {
		p, _ := ProfileOf("sslv3-hello")
		r := played(t, &Device{Listener: config.Listener{Name: "odd", Protocol: "imap", TLS: "implicit"}, Address: sayOnce(t, sent), Profile: p})
		if r.OK || r.FailedStep != "handshake" || !strings.Contains(text(r, "handshake"), says) {
			t.Errorf("%q: %+v, want %q", sent, r, says)
		}
	}
}

func TestPOP3_ListIsBounded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"+OK\r\n" + strings.Repeat("x\r\n", lineCount+1): errLongAnswer,
		"+OK\r\n..a\r\nb\r\n.\r\n":                       nil,
		"+OK\r\nx\r\n":                                   io.EOF,
	} {
		conn, err := net.Dial("tcp", sayOnce(t, text))
		must(t, err)
		got, err := (&pop3{newLines(conn)}).list("CAPA")
		_ = conn.Close()
		if !errors.Is(err, want) || err == nil && strings.Join(got, "|") != ".a|b" {
			t.Errorf("%.20q: %q, %v, want %v", text, got, err, want)
		}
	}
}

func TestPlay_BridgeDown(t *testing.T) {
	t.Parallel()
	p, _ := ProfileOf("tls1.0")
	for _, l := range []config.Listener{{Name: "imaps", Protocol: "imap", TLS: "implicit"},
		{Name: "pop3", Protocol: "pop3", TLS: "starttls"}} {
		d := &Device{Listener: l, Address: freeAddress(t), Profile: p, Account: "scanner1", Password: secret.New("secret-9931")}
		r := played(t, d)
		if r.OK || r.FailedStep != "connect" || len(r.Steps) != 1 || !strings.Contains(r.Mend, "start the bridge with drawbridge serve") {
			t.Errorf("%s: %+v", l.Name, r)
		}
		var out bytes.Buffer
		err := d.Show(t.Context(), terminal.Printer{Out: &out})
		if err == nil || !strings.HasPrefix(err.Error(), "the device failed at its connect: nothing listens on "+d.Address) {
			t.Errorf("%s: the command ends with %v", l.Name, err)
		}
		if !strings.Contains(out.String(), "The device would show: that the server cannot be reached\n") {
			t.Errorf("%s: %s", l.Name, &out)
		}
	}
}
