package imaplogin_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/secret"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/internal/logintest"
	"drawbridge/proxy/login"
)

// recorded is a connection whose peer said in and hears out.
type recorded struct {
	net.Conn
	in     bytes.Reader
	out    bytes.Buffer
	writes int
}

func (r *recorded) Read(p []byte) (int, error) { return r.in.Read(p) }
func (r *recorded) Write(p []byte) (int, error) {
	r.writes++
	return r.out.Write(p)
}
func (r *recorded) Close() error                { return nil }
func (r *recorded) SetDeadline(time.Time) error { return nil }

func saying(text string) *recorded {
	r := &recorded{}
	r.in.Reset([]byte(text))
	return r
}

// deviceLogin is a login of a device inside TLS that says text.
func deviceLogin(text string) (login.Login, *recorded, *login.Notes) {
	c, n := saying(text), &login.Notes{}
	return imaplogin.New(login.NewConn(c, login.ConnOptions{Secure: true, Notes: n, MaxBadCommands: 10}), "ready", n), c, n
}

func TestIMAP_RefusalsInTheContractsWords(t *testing.T) {
	const unavailable = "Service unavailable, please wait a few minutes and try again\r\n"
	for _, c := range []struct {
		reason login.Reason
		text   string
		want   string
	}{
		{login.BadCredentials, "", "1 NO [AUTHENTICATIONFAILED] Wrong name or password\r\n"},
		{login.NoTLS, "", "1 NO [PRIVACYREQUIRED] Use STARTTLS first\r\n"},
		{login.Blocked, "IT, ext. 4711", "1 NO [CONTACTADMIN] This device may no longer read mail here. IT, ext. 4711\r\n"},
		{login.Unavailable, "", "1 NO [UNAVAILABLE] " + unavailable},
		{login.TooManySessions, "", "1 NO [LIMIT] Too many sessions for this mailbox, please wait\r\n"},
		{login.TooManyFailures, "", "1 NO [LIMIT] Too many failed logins, please wait\r\n"},
		{login.Internal, "", "1 NO [SERVERBUG] " + unavailable},
		{login.Reason(99), "", "1 NO [SERVERBUG] " + unavailable},
		{login.Busy, "", "* BYE [UNAVAILABLE] " + unavailable},
		{login.Ended, "", "* BYE Too many errors or too slow, please wait and try again\r\n"},
		{login.Plaintext, "", "* BYE This service is unavailable without TLS\r\n"},
	} {
		l, conn, _ := deviceLogin("1 LOGIN a b\r\n")
		if _, err := l.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn.out.Reset()
		if err := l.Refuse(&login.Refusal{Reason: c.reason, Text: c.text, Err: errors.New("secret detail")}); err != nil {
			t.Fatal(err)
		}
		if got := conn.out.String(); got != c.want {
			t.Errorf("reason %d:\n got %q\nwant %q", c.reason, got, c.want)
		}
	}
}

func TestIMAP_RefusedBeforeTheGreeting(t *testing.T) {
	l, conn, _ := deviceLogin("1 NOOP\r\n")
	if err := l.Refuse(&login.Refusal{Reason: login.Busy}); err != nil {
		t.Fatal(err)
	}
	if got, want := conn.out.String(), "* BYE [UNAVAILABLE] Service unavailable, please wait a few minutes and try again\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIMAP_AThirdRefusalEndsTheSessionUntagged(t *testing.T) {
	l, conn, _ := deviceLogin("1 LOGIN a b\r\n")
	if _, err := l.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.out.Reset()
	for _, reason := range []login.Reason{login.BadCredentials, login.Ended} {
		if err := l.Refuse(&login.Refusal{Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	want := "1 NO [AUTHENTICATIONFAILED] Wrong name or password\r\n* BYE Too many errors or too slow, please wait and try again\r\n"
	if got := conn.out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIMAP_AdmitsInOneWriteAndKeepsWhatWasPipelined(t *testing.T) {
	l, conn, _ := deviceLogin("1 LOGIN a b\r\n2 SELECT INBOX\r\n")
	if _, err := l.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	up := saying("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\nD1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n* 1 EXISTS\r\n")
	upstream := login.NewConn(up, login.ConnOptions{Secure: true})
	half := imaplogin.NewUpstream(upstream, &login.UpstreamNotes{})
	if err := logintest.LogIn(t.Context(), half, passwordOf("a", "b")); err != nil {
		t.Fatal(err)
	}
	if err := half.ProveMailbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.out.Reset()
	conn.writes = 0
	if err := l.Admit(login.Admission{Notice: "Mind the gap.", Capabilities: half.Capabilities()}); err != nil {
		t.Fatal(err)
	}
	if got, want := conn.out.String(), "* CAPABILITY IMAP4rev1 IDLE\r\n1 OK [ALERT] Mind the gap.\r\n"; got != want || conn.writes != 1 {
		t.Errorf("got %q in %d writes, want %q in one", got, conn.writes, want)
	}
	if rest, err := upstream.ReadLine(100); string(rest) != "* 1 EXISTS" || err != nil {
		t.Errorf("what the upstream said next: got %q, %v", rest, err)
	}
	if up.writes != 1 {
		t.Errorf("the upstream was asked %d times, want once", up.writes)
	}
}

func passwordOf(name, password string) []sasl.Client {
	return []sasl.Client{login.NewPasswordLogin(name, secret.New(password))}
}

func TestIMAP_BoundsOfWhatADeviceMaySend(t *testing.T) {
	for _, c := range []struct{ name, said, problem string }{
		{"a line", "1 NOOP " + strings.Repeat("x", 9<<10) + "\r\n", "more than 8192 bytes"},
		{"a line without an end", strings.Repeat("x", 30<<10), "more than 24576 bytes"},
		{"the line of another mechanism", "1 AUTHENTICATE PLAIN " + strings.Repeat("QUFB", 3<<10) + "\r\n", "more than 8192 bytes"},
		{"a literal that does not wait", "1 LOGIN a {4097+}\r\n" + strings.Repeat("x", 5000), "a literal of more than 4096 bytes"},
		{"a literal beyond all numbers", "1 LOGIN a {99999999999999999999+}\r\n", "a literal of more than 4096 bytes"},
		{"literals together", "1 ID (" + strings.Repeat(" {4096+}\r\n"+strings.Repeat("x", 4096), 7), "a command of more than"},
		{"the number of literals", "1 ID (" + strings.Repeat(" {0+}\r\n", 80), "a command of more than"},
		{"the line of a response", "1 AUTHENTICATE PLAIN\r\n" + strings.Repeat("QUFB", 3<<10) + "\r\n", "more than 8192 bytes"},
		{"the line behind a literal", "1 LOGIN {1+}\r\na " + strings.Repeat("x", 9<<10) + "\r\n", "more than 8192 bytes"},
	} {
		l, _, _ := deviceLogin(c.said)
		_, err := l.Read(t.Context())
		var bound *login.ProtocolError
		if !errors.As(err, &bound) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: got %v, want a ProtocolError with %q", c.name, err, c.problem)
		}
	}
}

func TestIMAP_ALongTokenPasses(t *testing.T) {
	long := strings.Repeat("t", 12<<10)
	message := token("user=a\x01auth=Bearer " + long + "\x01\x01")
	for _, said := range []string{"1 AUTHENTICATE XOAUTH2 " + base64Of(message) + "\r\n",
		"1 authenticate xoauth2\r\n" + base64Of(message) + "\r\n"} {
		l, _, _ := deviceLogin(said)
		c, err := l.Read(t.Context())
		if err != nil || c.Password.Reveal() != long || !c.Token() {
			t.Fatalf("got %v, %v, want the token", c, err)
		}
		up := saying("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n+ \r\nD1 OK\r\nD2 OK\r\nD3 OK\r\n")
		half := imaplogin.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: true}), &login.UpstreamNotes{})
		if err := logintest.LogIn(t.Context(), half, []sasl.Client{message}); err != nil {
			t.Fatal(err)
		}
		if got := up.out.String(); got != "D1 AUTHENTICATE XOAUTH2\r\n"+base64Of(message)+"\r\n" {
			t.Errorf("a response of more than 9,000 bytes went up as %.60q…, want two lines", got)
		}
		if err := half.ProveMailbox(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIMAP_BoundsOfWhatAnUpstreamMaySend(t *testing.T) {
	const greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
	for _, c := range []struct{ name, said, problem string }{
		{"a line", "* OK " + strings.Repeat("x", 65<<10) + "\r\n", "greet"},
		{"untagged lines", greeting + strings.Repeat("* 1 EXISTS\r\n", 200), "more than 128 lines"},
		{"challenges", greeting + strings.Repeat("+ QQ==\r\n", 20), "does not come to an end"},
		{"no capabilities", "* OK ready\r\nD1 NO\r\n", "does not tell its capabilities"},
		{"a challenge after LOGIN", "* OK [CAPABILITY IMAP4rev1] ready\r\n+ more\r\n", "asks for more"},
		{"silence", "", "did not greet"},
	} {
		err := logintest.LogIn(t.Context(), imaplogin.NewUpstream(login.NewConn(saying(c.said), login.ConnOptions{Secure: true}),
			&login.UpstreamNotes{}), passwordOf("a", "b"))
		var r *login.Refusal
		if !errors.As(err, &r) || r.Reason != login.Unavailable || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: got %v, want Unavailable with %q", c.name, err, c.problem)
		}
	}
}

func TestIMAP_AnUpstreamThatFallsSilentIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := net.Pipe()
		defer theirs.Close()
		conn := login.NewConn(ours, login.ConnOptions{Secure: true})
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		began := time.Now()
		err := logintest.LogIn(t.Context(), imaplogin.NewUpstream(conn, &login.UpstreamNotes{}), passwordOf("a", "b"))
		var r *login.Refusal
		if !errors.As(err, &r) || r.Reason != login.Unavailable || !strings.Contains(err.Error(), "in time") {
			t.Errorf("got %v, want Unavailable because of the time", err)
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited %s, want the deadline of the Conn", waited)
		}
	})
}

func TestIMAP_SpeakingBeforeTheGreeting(t *testing.T) {
	c, n := saying("\r\n1 NOOP\r\n2 LOGOUT\r\n"), &login.Notes{}
	conn := login.NewConn(c, login.ConnOptions{Secure: true, Notes: n})
	if _, err := conn.ReadLine(10); err != nil {
		t.Fatal(err)
	}
	if _, err := imaplogin.New(conn, "ready", n).Read(t.Context()); !errors.Is(err, login.ErrLoggedOut) {
		t.Fatalf("got %v, want ErrLoggedOut", err)
	}
	if !n.LoggedOut || strings.Join(n.Quirks, " ") != login.QuirkSpokeFirst {
		t.Errorf("got %+v, want logged out with the quirk %s", n, login.QuirkSpokeFirst)
	}
}

func TestIMAP_WhatADeviceSaysRightAfterLogin(t *testing.T) {
	const id = `3 ID ("name" "Fax" "os-version" "2.1")` + "\r\n"
	for _, c := range []struct {
		name  string
		parts []string
		want  string
	}{
		{"an ID", []string{id}, "Fax"},
		{"an ID byte by byte", strings.Split(id, ""), "Fax"},
		{"an ID behind others", []string{"1 CAPABILITY\r\n2 NAMESPACE\n" + id}, "Fax"},
		{"an ID with a literal", []string{"3 ID (\"name\" {3}\r\nFax)\r\n"}, ""},
		{"an ID that says nothing", []string{"3 ID NIL\r\n"}, ""},
		{"another command", []string{"2 SELECT INBOX\r\n" + id}, ""},
		{"an ID that comes late", []string{strings.Repeat("1 NOOP\r\n", login.MaxFirst/8), id}, ""},
		{"half a line", []string{"2 SELECT INB"}, ""},
		{"a line without an end", []string{strings.Repeat("x", login.MaxFirst)}, ""},
	} {
		l, _, n := deviceLogin("")
		for _, p := range c.parts {
			l.(login.Observer).FromDevice([]byte(p))
		}
		if n.ClientID["name"] != c.want {
			t.Errorf("%s: got %v, want %q", c.name, n.ClientID, c.want)
		}
	}
}

// TestIMAP_IDInClearIsNobodys has a device that never starts TLS: what it says of itself anybody may have said.
func TestIMAP_IDInClearIsNobodys(t *testing.T) {
	c := saying("1 ID (\"name\" \"printer\")\r\n2 LOGOUT\r\n")
	n := &login.Notes{}
	l := imaplogin.New(login.NewConn(c, login.ConnOptions{Notes: n, MaxBadCommands: 10}), "ready", n)
	if _, err := l.Read(t.Context()); !errors.Is(err, login.ErrLoggedOut) {
		t.Fatalf("got %v, want a logout", err)
	}
	if n.ClientID != nil {
		t.Errorf("client_id %v, want none", n.ClientID)
	}
}

func TestIMAP_IDStaysWithinItsBounds(t *testing.T) {
	var pairs strings.Builder
	for i := range 60 {
		pairs.WriteString(` "key` + string(rune('A'+i)) + `" "` + strings.Repeat("v", 80) + `"`)
	}
	l, _, n := deviceLogin(`1 ID (` + pairs.String() + `)` + "\r\n2 ID (\"name\" \"" + strings.Repeat("n",
		1000) + "\" \"" + strings.Repeat("k", 31) + "\" \"x\")\r\n")
	if _, err := l.Read(t.Context()); err == nil {
		t.Fatal("credentials without a login")
	}
	if len(n.ClientID) != 1 || len(n.ClientID["name"]) != 256 {
		t.Errorf("got %d pairs, name of %d bytes, want 1 and 256", len(n.ClientID), len(n.ClientID["name"]))
	}
}

func TestIMAP_ChallengesOfAnUpstream(t *testing.T) {
	const greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2] ready\r\n"
	for _, c := range []struct {
		name, said, want string
		mechanism        sasl.Client
	}{
		{"PLAIN is challenged anew", greeting + "+ QQ==\r\nD1 NO\r\n", "D1 AUTHENTICATE PLAIN AGEAYg==\r\n\r\n", passwordOf("a", "b")[0]},
		{"a challenge that is no base64", greeting + "+ go ahead\r\nD1 NO\r\n", "D1 AUTHENTICATE XOAUTH2 dA==\r\n\r\n", token("t")},
		{"an initial response that was overlooked", greeting + "+ \r\nD1 NO\r\n",
			"D1 AUTHENTICATE PLAIN AGEAYg==\r\nAGEAYg==\r\n", passwordOf("a", "b")[0]},
		{"an empty initial response", greeting + "D1 NO\r\n", "D1 AUTHENTICATE XOAUTH2 =\r\n", token("")},
		{"a mechanism without an initial response", greeting + "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\nD1 NO\r\n",
			"D1 AUTHENTICATE LOGIN\r\nYQ==\r\nYg==\r\n", &serverFirst{[]string{"a", "b"}}},
	} {
		up := saying(c.said)
		err := logintest.LogIn(t.Context(), imaplogin.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: true}), &login.UpstreamNotes{}),
			[]sasl.Client{c.mechanism})
		var r *login.Refusal
		if !errors.As(err, &r) || r.Reason != login.BadCredentials {
			t.Errorf("%s: got %v, want bad credentials", c.name, err)
		}
		if got := up.out.String(); got != c.want {
			t.Errorf("%s: said %q, want %q", c.name, got, c.want)
		}
	}
}

// serverFirst is a mechanism in which the server speaks first.
type serverFirst struct{ answers []string }

func (s *serverFirst) Start() (string, []byte, error) { return "LOGIN", nil, nil }
func (s *serverFirst) Next([]byte) ([]byte, error) {
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return []byte(answer), nil
}

func TestIMAP_AlertsOfAnUpstreamAreBounded(t *testing.T) {
	const greeting = "* OK [CAPABILITY IMAP4rev1] ready\r\n"
	long := "* OK [ALERT] " + strings.Repeat("x", 5000) + "\r\n"
	n := &login.UpstreamNotes{}
	half := imaplogin.NewUpstream(login.NewConn(saying(greeting+strings.Repeat(long, 20)+"D1 OK [CAPABILITY IMAP4rev1] in\r\n"),
		login.ConnOptions{Secure: true}), n)
	if err := logintest.LogIn(t.Context(), half, passwordOf("a", "b")); err != nil {
		t.Fatal(err)
	}
	if len(n.Alerts) != 8 || len(n.Alerts[0]) != 1000 {
		t.Errorf("got %d alerts, the first of %d bytes, want 8 of 1000", len(n.Alerts), len(n.Alerts[0]))
	}
}

func TestIMAP_AnOKBeforeTheCredentialLetsNobodyIn(t *testing.T) {
	up := saying("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\nD1 OK in\r\nD2 OK\r\n")
	err := logintest.LogIn(t.Context(), imaplogin.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: true}), &login.UpstreamNotes{}),
		passwordOf("a", "b"))
	var r *login.Refusal
	if !errors.As(err, &r) || r.Reason != login.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}
