package trial

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"drawbridge/config"
)

// TestAdviseAnswer has every refusal of the contract's table.
func TestAdviseAnswer(t *testing.T) {
	for _, c := range []struct{ step, line, shows, mend string }{
		{"login", "a1 NO [AUTHENTICATIONFAILED] Wrong name or password", "password is wrong", "compare the account's name"},
		{"login", "-ERR [AUTH] Wrong name or password", "password is wrong", "compare the account's name"},
		{"login", "a1 NO [LIMIT] Too many failed logins, please wait", "busy", "wait 15 minutes"},
		{"login", "-ERR [LOGIN-DELAY] Too many failed logins, please wait", "busy", "wait 15 minutes"},
		{"login", "a1 NO [LIMIT] Too many sessions for this mailbox, please wait", "busy", "sessions_per_mailbox"},
		{"login", "-ERR [IN-USE] Too many sessions for this mailbox, please wait", "busy", "sessions_per_mailbox"},
		{"login", "a1 NO [CONTACTADMIN] This device may no longer read mail here.", "bridge's text", "stage: block"},
		{"login", "-ERR [SYS/PERM] This device may no longer read mail here.", "bridge's text", "stage: block"},
		{"login", "a1 NO [UNAVAILABLE] Service unavailable, please wait a few minutes and try again", "busy", "drawbridge doctor"},
		{"login", "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again", "busy", "drawbridge doctor"},
		{"login", "a1 NO [SERVERBUG] Service unavailable, please wait a few minutes and try again", "busy", "drawbridge doctor"},
		{"login", "* BYE Too many errors or too slow, please wait and try again", "busy", "record"},
		{"login", "-ERR Use STLS first", "password is wrong", "STARTTLS"},
		{"greeting", "* BYE [UNAVAILABLE] Service unavailable, please wait a few minutes and try again", "busy", "stopping"},
		{"greeting", "-ERR This service is unavailable without TLS", "security", "TLS"},
		{"message", "a1 NO Mailbox is gone", "cannot be read", "doctor"},
		{"capabilities", "a1 BAD", "busy", "record"},
	} {
		a := adviseAnswer(c.step, c.line)
		if !strings.Contains(a.shows, c.shows) || !strings.Contains(a.mend, c.mend) {
			t.Errorf("%s %q: %+v, want %q and %q", c.step, c.line, a, c.shows, c.mend)
		}
	}
}

func TestAdvise_OtherFailures(t *testing.T) {
	d := &Device{Listener: config.Listener{Name: "imaps", TLS: "implicit", MinVersion: "1.0"}, Address: "127.0.0.1:993"}
	for _, c := range []struct {
		failure failure
		mend    string
	}{
		{failure{"connect", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}}, "firewall"},
		{failure{"connect", context.Canceled}, "interrupted"},
		{failure{"handshake", alert(80)}, "limit"},
		{failure{"handshake", alert(50)}, "record"},
		{failure{"handshake", fmt.Errorf("tls: no supported versions")}, "GODEBUG"},
		{failure{"handshake", errServed}, "--as tls1.0"},
		{failure{"login", os.ErrDeadlineExceeded}, "overloaded"},
		{failure{"login", io.EOF}, "hung up"},
		{failure{"message", errLongLine}, "record"},
	} {
		if a := d.advise(c.failure); !strings.Contains(a.mend, c.mend) {
			t.Errorf("%+v: %q, want %q", c.failure, a.mend, c.mend)
		}
	}
}

func TestDialable(t *testing.T) {
	for address, want := range map[string]string{
		":993": "127.0.0.1:993", "0.0.0.0:993": "127.0.0.1:993", "[::]:993": "127.0.0.1:993", "10.20.0.5:1993": "10.20.0.5:1993",
		"[fe80::1%eth0]:993": "[fe80::1%eth0]:993", "localhost:995": "localhost:995",
	} {
		if got, err := dialable(address); got != want || err != nil {
			t.Errorf("dialable(%q) = %q, %v, want %q", address, got, err, want)
		}
	}
}

func TestSubjectOf(t *testing.T) {
	for header, want := range map[string]string{
		"Subject: Fax\r\n\r\n":                  "Fax",
		"Subject: two\r\n lines\r\nFrom: a\r\n": "two lines",
		"Subject: =?iso-8859-1?q?=E4?=\r\n":     "ä",
		"Subject: =?klingon?q?a?=\r\n":          "=?klingon?q?a?=",
		"\r\n":                                  "",
		"no header":                             "",
		"Subject: " + strings.Repeat("x", subjectSize+1) + "": strings.Repeat("x", subjectSize) + "…",
	} {
		if got := subjectOf(header); got != want {
			t.Errorf("subjectOf(%q) = %q, want %q", header, got, want)
		}
	}
}
