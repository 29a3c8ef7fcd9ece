package pop3login_test

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"drawbridge/proxy/internal/logintest"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

func TestPOP3_RefusalsInTheContractsWords(t *testing.T) {
	for reason, want := range map[login.Reason]string{
		login.BadCredentials:  "-ERR [AUTH] Wrong name or password\r\n",
		login.NoTLS:           "-ERR Use STLS first\r\n",
		login.Blocked:         "-ERR [SYS/PERM] This device may no longer read mail here. IT, ext. 4711\r\n",
		login.Unavailable:     "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again\r\n",
		login.TooManySessions: "-ERR [IN-USE] Too many sessions for this mailbox, please wait\r\n",
		login.TooManyFailures: "-ERR [LOGIN-DELAY] Too many failed logins, please wait\r\n",
		login.Internal:        "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again\r\n",
		login.Busy:            "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again\r\n",
		login.Ended:           "-ERR [SYS/TEMP] Too many errors or too slow, please wait and try again\r\n",
		login.Plaintext:       "-ERR This service is unavailable without TLS\r\n",
	} {
		c := &recorded{}
		r := &login.Refusal{Reason: reason, Err: errors.New("secret detail")}
		if reason == login.Blocked {
			r.Text = "IT, ext. 4711"
		}
		if err := pop3login.New(login.NewConn(c, login.ConnOptions{Secure: true}), "ready", &login.Notes{}).Refuse(r); err != nil {
			t.Fatal(err)
		}
		if got := c.out.String(); got != want {
			t.Errorf("reason %d:\n got %q\nwant %q", reason, got, want)
		}
	}
}

func TestPOP3_NoticeStandsInTheOKOfTheLogin(t *testing.T) {
	c := &recorded{}
	if err := pop3login.New(login.NewConn(c, login.ConnOptions{Secure: true}), "ready",
		&login.Notes{}).Admit(login.Admission{Notice: "This device uses outdated encryption."}); err != nil {
		t.Fatal(err)
	}
	if got, want := c.out.String(), "+OK Mailbox open. This device uses outdated encryption.\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// recorded is a connection whose peer said in and hears out.
type recorded struct {
	net.Conn
	in  bytes.Reader
	out bytes.Buffer
}

func (r *recorded) Read(p []byte) (int, error)  { return r.in.Read(p) }
func (r *recorded) Write(p []byte) (int, error) { return r.out.Write(p) }
func (r *recorded) Close() error                { return nil }
func (r *recorded) SetDeadline(time.Time) error { return nil }

func saying(text []byte) *recorded {
	r := &recorded{}
	r.in.Reset(text)
	return r
}

// FuzzRead gives arbitrary bytes of a device to a login: it ends, and never with credentials outside TLS, nor with a name
// or password that could smuggle a command.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"USER a\r\nPASS b\r\n", "AUTH PLAIN AGEAYg==\r\n", "auth\nAUTH LOGIN\r\nYQ==\r\nYg==\r\n",
		"CAPA\r\nNOOP\r\nQUIT\r\n",
		"STLS\r\nUSER a\r\n", "AUTH XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHQBAQ==\r\n", "PASS x\r\n", "\x00\xff\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, secure bool) {
		c := saying(said)
		n := &login.Notes{}
		o := login.ConnOptions{Secure: secure, Notes: n, MaxBadCommands: 10}
		if !secure {
			o.Upgrade = nil
		}
		l := pop3login.New(login.NewConn(c, o), "ready", n)
		for range 4 {
			got, err := l.Read(t.Context())
			var r *login.Refusal
			if errors.As(err, &r) {
				continue
			}
			if err != nil {
				return
			}
			if !secure {
				t.Fatalf("credentials outside TLS: %q", got.Account)
			}
			if login.CheckCredentials(got) != nil {
				t.Fatalf("unfit credentials: %q", got.Account)
			}
		}
	})
}

// FuzzUpstream gives arbitrary bytes of an upstream to a login: it ends, and no credential goes up outside TLS.
func FuzzUpstream(f *testing.F) {
	for _, s := range []string{"+OK ready\r\n+OK\r\nSASL PLAIN\r\n.\r\n+OK in\r\n", "+OK\r\n-ERR\r\n+OK\r\n+OK\r\n", "-ERR [SYS/TEMP] no\r\n",
		"+OK\r\n+OK\r\nSASL PLAIN\r\n.\r\n+ \r\n+ \r\n-ERR [IN-USE] x\r\n", "+OK [UwBJAA==]\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, secure bool) {
		up := saying(said)
		half := pop3login.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: secure}), &login.UpstreamNotes{})
		err := logintest.LogIn(t.Context(), half, mechanisms("anna", "canary-password"))
		if err == nil {
			err = half.ProveMailbox(t.Context())
		}
		var r *login.Refusal
		if err != nil && !errors.As(err, &r) {
			t.Fatalf("an upstream's fault must be told as a refusal: %v", err)
		}
		if !secure && (bytes.Contains(up.out.Bytes(), []byte("canary")) || bytes.Contains(up.out.Bytes(), []byte("Y2FuYXJ5"))) {
			t.Fatalf("a credential went up outside TLS: %q", up.out.String())
		}
	})
}
