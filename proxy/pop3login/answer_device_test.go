package pop3login_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

// read gives a login what a device says and returns the first credentials or error, and what the device hears.
func read(t *testing.T, secure bool, says string) (c login.Credentials, heard string, n *login.Notes, err error) {
	t.Helper()
	conn := saying([]byte(says))
	n = &login.Notes{}
	l := pop3login.New(login.NewConn(conn, login.ConnOptions{Secure: secure, Notes: n, MaxBadCommands: 3,
		Upgrade: func(_ context.Context, c net.Conn) (net.Conn, error) { return c, nil }}), "ready", n)
	c, err = l.Read(t.Context())
	return c, strings.TrimPrefix(conn.out.String(), "+OK ready\r\n"), n, err
}

func TestPOP3_CredentialsOfDevices(t *testing.T) {
	token := strings.Repeat("eyJ0", 4<<10)
	bearer := base64.StdEncoding.EncodeToString([]byte("user=a@b\x01auth=Bearer " + token + "\x01\x01"))
	for _, c := range []struct{ name, says, mechanism, account, password string }{
		{"spaces in both", "USER scanner one\r\nPASS  two words \r\n", "USER", "scanner one", " two words "},
		{"doubled spaces", "  user   anna\r\npass right\r\n", "USER", "anna", "right"},
		{"a domain", "USER CONTOSO\\scanner1\r\nPASS x\r\n", "USER", `CONTOSO\scanner1`, "x"},
		{"8-bit password", "USER anna\r\nPASS p\xe4ss\r\n", "USER", "anna", "p\xe4ss"},
		{"USER twice", "USER anna\r\nUSER berta\r\nPASS x\r\n", "USER", "berta", "x"},
		{"AUTH LOGIN with a name", "AUTH LOGIN YW5uYQ==\r\ncmlnaHQ=\r\n", "AUTH-LOGIN", "anna", "right"},
		{"auth plain in lower case", "auth plain\r\nAGFubmEAcmlnaHQ=\r\n", "PLAIN", "anna", "right"},
		{"a token of 16 KiB at once", "AUTH XOAUTH2 " + bearer + "\r\n", "XOAUTH2", "a@b", token},
		{"a token of 16 KiB when asked", "AUTH XOAUTH2\r\n" + bearer + "\r\n", "XOAUTH2", "a@b", token},
		{"after bad commands", "XTND\r\nPASS x\r\nUSER anna\r\nPASS right\r\n", "USER", "anna", "right"},
	} {
		got, _, notes, err := read(t, true, c.says)
		if err != nil || got.Mechanism != c.mechanism || got.Account != c.account || got.Password.Reveal() != c.password ||
			notes.ClaimedAccount != c.account {
			t.Errorf("%s: got %s %q %.20q, %v, claimed %q", c.name, got.Mechanism, got.Account, got.Password.Reveal(), err, notes.ClaimedAccount)
		}
	}
}

func TestPOP3_NameIsAskedForAnewAfterALogin(t *testing.T) {
	c, n := saying([]byte("USER anna\r\nPASS wrong\r\nPASS right\r\n")), &login.Notes{}
	l := pop3login.New(login.NewConn(c, login.ConnOptions{Secure: true, Notes: n}), "ready", n)
	if got, err := l.Read(t.Context()); got.Account != "anna" || err != nil {
		t.Fatalf("got %q, %v", got.Account, err)
	}
	if err := l.Refuse(&login.Refusal{Reason: login.BadCredentials}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Read(t.Context()); !errors.Is(err, io.EOF) || !strings.HasSuffix(c.out.String(), "-ERR USER comes first.\r\n") {
		t.Errorf("got %q, %v, the device heard %q", got.Account, err, c.out.String())
	}
}

func TestPOP3_WhatDevicesMustNotSay(t *testing.T) {
	long := strings.Repeat("x", login.MaxLine+1)
	huge := strings.Repeat("eHh4", login.MaxTokenLine/4+1)
	badCommand := func(r string) func(*testing.T, error, string) bool {
		return func(_ *testing.T, err error, heard string) bool { return errors.Is(err, io.EOF) && heard == r }
	}
	bound := func(_ *testing.T, err error, _ string) bool {
		var p *login.ProtocolError
		return errors.As(err, &p)
	}
	badCredentials := func(t *testing.T, err error, _ string) bool { return reasonOf(t, err) == login.BadCredentials }
	const unread = "-ERR The response cannot be read.\r\n"
	for _, c := range []struct {
		name, says string
		check      func(*testing.T, error, string) bool
	}{
		{"PASS first", "PASS x\r\n", badCommand("-ERR USER comes first.\r\n")},
		{"USER without a name", "USER \r\n", badCommand("-ERR USER needs a name.\r\n")},
		{"an unknown command", "APOP anna 00\r\n", badCommand("-ERR Command is not valid in this state.\r\n")},
		{"an empty line", "\r\n", badCommand("-ERR Command is not valid in this state.\r\n")},
		{"CRAM-MD5", "AUTH CRAM-MD5\r\n", badCommand("-ERR This mechanism is not offered.\r\n")},
		{"too many words", "AUTH PLAIN a b\r\n", badCommand("-ERR This mechanism is not offered.\r\n")},
		{"STLS in TLS", "STLS\r\n", badCommand("-ERR TLS is active already.\r\n")},
		{"malformed base64", "AUTH PLAIN !!!\r\n", badCommand(unread)},
		{"malformed base64 when asked", "AUTH LOGIN\r\n!!!\r\n", badCommand("+ VXNlcm5hbWU6\r\n" + unread)},
		{"malformed password", "AUTH LOGIN YW5uYQ==\r\n!!!\r\n", badCommand("+ UGFzc3dvcmQ6\r\n" + unread)},
		{"malformed token", "AUTH XOAUTH2 YQ==\r\n", badCommand(unread)},
		{"cancelled", "AUTH PLAIN\r\n*\r\n", badCommand("+ \r\n" + unread)},
		{"three bad commands", "X\r\nAUTH PLAIN !!!\r\nPASS x\r\n", bound},
		{"a long line", "USER " + long + "\r\n", bound},
		{"a long AUTH PLAIN", "AUTH PLAIN " + long + "\r\n", bound},
		{"a long response to PLAIN", "AUTH PLAIN\r\n" + long + "\r\n", bound},
		{"a long name", "AUTH LOGIN\r\n" + long + "\r\n", bound},
		{"a token that is too long", "AUTH XOAUTH2 " + huge + "\r\n", bound},
		{"a token that is too long when asked", "AUTH XOAUTH2\r\n" + huge + "\r\n", bound},
		{"8-bit name", "USER \xe4nna\r\nPASS x\r\n", badCredentials},
		{"no password", "USER anna\r\nPASS \r\n", badCredentials},
		{"PASS alone", "USER anna\r\nPASS\r\n", badCredentials},
		{"another identity", "AUTH PLAIN YmVydGEAYW5uYQByaWdodA==\r\n", badCredentials},
		{"gone in AUTH", "AUTH LOGIN\r\n", func(_ *testing.T, err error, _ string) bool { return errors.Is(err, io.EOF) }},
		{"gone before the token", "AUTH XOAUTH2\r\n", func(_ *testing.T, err error, _ string) bool { return errors.Is(err, io.EOF) }},
		{"QUIT", "QUIT\r\n", func(_ *testing.T, err error, heard string) bool {
			return errors.Is(err, login.ErrLoggedOut) && strings.HasPrefix(heard, "+OK")
		}},
	} {
		got, heard, _, err := read(t, true, c.says)
		if !c.check(t, err, heard) {
			t.Errorf("%s: got %q, %v, the device heard %q", c.name, got.Account, err, heard)
		}
	}
}

func TestPOP3_BeforeSTLSNoPasswordIsTaken(t *testing.T) {
	for _, c := range []struct {
		says    string
		clear   bool // a password crossed
		stopped bool
	}{
		{"USER anna\r\n", false, true},
		{"USER anna\r\nPASS canary\r\n", true, true},
		{"AUTH PLAIN\r\n", false, true},
		{"AUTH PLAIN AGFubmEAcmlnaHQ=\r\n", true, true},
		{"CAPA\r\nNOOP\r\n", false, false},
	} {
		got, heard, notes, err := read(t, false, c.says)
		if !errors.Is(err, io.EOF) || got.Account != "" || strings.Contains(heard, "Use STLS first") != c.stopped {
			t.Errorf("%q: got %q, %v, the device heard %q", c.says, got.Account, err, heard)
		}
		if notes.PasswordClear != c.clear || notes.LoginInClear != c.stopped || (len(notes.Quirks) > 0) != c.clear {
			t.Errorf("%q: notes are %+v", c.says, notes)
		}
	}
	if _, heard, notes, _ := read(t, false, "AUTH\r\n"); !strings.Contains(heard, "-ERR Use STLS first") || notes.LoginInClear {
		t.Errorf("a question for the mechanisms: heard %q, notes %+v", heard, notes)
	}
	_, heard, _, err := read(t, false, "USER anna\r\n")
	if !errors.Is(err, io.EOF) || strings.Contains(heard, "+ ") {
		t.Errorf("the device heard %q, %v", heard, err)
	}
}

func TestPOP3_CapabilitiesOfTheContract(t *testing.T) {
	for secure, want := range map[bool]string{
		true:  "+OK TOP UIDL USER SASL PLAIN LOGIN XOAUTH2 RESP-CODES AUTH-RESP-CODE .",
		false: "+OK TOP UIDL STLS RESP-CODES .",
	} {
		if _, heard, _, _ := read(t, secure, "CAPA\r\n"); strings.Join(strings.Fields(heard), " ") != want {
			t.Errorf("secure %t: got %q, want %q", secure, heard, want)
		}
	}
	if _, heard, _, _ := read(t, true, "AUTH\r\n"); heard != "+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\n.\r\n" {
		t.Errorf("AUTH alone: got %q", heard)
	}
}

// gone is a device that takes a number of writes and then is not there any more.
type gone struct {
	recorded
	takes int
}

func (g *gone) Write(p []byte) (int, error) {
	if g.takes--; g.takes < 0 {
		return 0, io.ErrClosedPipe
	}
	return g.recorded.Write(p)
}

func TestPOP3_DeviceThatIsGoneEndsTheLogin(t *testing.T) {
	for says, takes := range map[string]int{
		"CAPA\r\n": 0, "CAPA\r\nx": 1, "QUIT\r\n": 1, "NOOP\r\n": 1, "USER a\r\n": 1, "XTND\r\n": 1, "AUTH\r\n": 1, "AUTH LOGIN\r\n": 1,
		"AUTH LOGIN YQ==\r\n": 1, "AUTH XOAUTH2\r\n": 1,
	} {
		c := &gone{takes: takes}
		c.in.Reset([]byte(says))
		n := &login.Notes{}
		if _, err := pop3login.New(login.NewConn(c, login.ConnOptions{Secure: true, Notes: n}), "ready", n).Read(t.Context()); !errors.Is(err,
			io.ErrClosedPipe) {
			t.Errorf("%q: got %v", says, err)
		}
	}
}
