package sandbox_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

// everySuite is what an old server took.
func everySuite() []uint16 {
	var ids []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	return ids
}

// oldExchange opens the four listeners a fleet needs, taking what no Exchange takes any more.
func oldExchange(t *testing.T, e *sandbox.Exchange) func(sandbox.Device) *sandbox.Listener {
	t.Helper()
	byKind := make(map[string]*sandbox.Listener)
	for _, protocol := range []sandbox.Protocol{sandbox.IMAP, sandbox.POP3} {
		for mode, starttls := range map[string]bool{"implicit": false, "starttls": true} {
			byKind[string(protocol)+mode] = listen(t, e, sandbox.ListenOptions{
				Protocol: protocol, STARTTLS: starttls, MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS13, CipherSuites: everySuite(),
			})
		}
	}
	return func(d sandbox.Device) *sandbox.Listener {
		if d.STARTTLS {
			return byKind[string(d.Protocol)+"starttls"]
		}
		return byKind[string(d.Protocol)+"implicit"]
	}
}

func TestFleet_AgainstAnOldServer(t *testing.T) {
	e := newExchange(t, []sandbox.Account{}...)
	fleet := sandbox.Fleet()
	if err := e.Provision(fleet); err != nil {
		t.Fatal(err)
	}
	at := oldExchange(t, e)
	for _, d := range fleet {
		t.Run(d.Name, func(t *testing.T) {
			if d.Login == sandbox.AuthLogin {
				d.Login = sandbox.AuthPlain // Exchange has no AUTH LOGIN; TestDevice_AuthLogin has
			}
			if d.Expect == sandbox.Refused {
				d.Reads = "Logon failure"
			}
			var steps int
			r := d.Run(testContext(t), sandbox.Target{
				Address: at(d).Address(), Roots: e.Roots(), ServerName: "outlook.office365.com",
				Step: func(s sandbox.Step) {
					if s.Device != d.Name || d.Password != "" && strings.Contains(s.Text, d.Password) && d.Expect != sandbox.MailRead {
						t.Errorf("step %+v", s)
					}
					steps++
				},
			})
			if !r.OK() {
				t.Fatalf("got %s (%q, %v), want %s", r.Outcome, r.Refusal, r.Err, d.Expect)
			}
			if steps == 0 || steps != len(r.Steps) || r.Duration <= 0 {
				t.Errorf("got %d steps, %d in the result, in %v", steps, len(r.Steps), r.Duration)
			}
			checkTLS(t, d, r)
		})
	}
}

func checkTLS(t *testing.T, d sandbox.Device, r sandbox.Result) {
	t.Helper()
	if d.Expect == sandbox.Alerted {
		if r.Version != 0 || r.Alert == 0 {
			t.Errorf("got version %x and alert %d", r.Version, r.Alert)
		}
		return
	}
	if r.Version < d.MinTLS || r.Version > d.MaxTLS {
		t.Errorf("got version %x, want %x to %x", r.Version, d.MinTLS, d.MaxTLS)
	}
	if len(d.Suites) == 1 && r.Suite != d.Suites[0] {
		t.Errorf("got suite %s, want %s", tls.CipherSuiteName(r.Suite), tls.CipherSuiteName(d.Suites[0]))
	}
}

func TestFleet_IsVaried(t *testing.T) {
	kinds := make(map[string]bool)
	accounts := make(map[string]bool)
	fleet := sandbox.Fleet()
	for _, d := range fleet {
		accounts[d.Account] = true
		kinds[string(d.Protocol)], kinds[string(d.Login)], kinds[string(d.Expect)], kinds[string(d.Hello)] = true, true, true, true
		for _, s := range d.Suites {
			kinds[tls.CipherSuiteName(s)] = true
		}
		if d.STARTTLS {
			kinds[string(d.Protocol)+" STARTTLS"] = true
		}
		kinds[tls.VersionName(d.MaxTLS)] = true
	}
	if len(accounts) != len(fleet) || len(fleet) < 8 {
		t.Errorf("%d devices with %d accounts, want at least 8 and an account each", len(fleet), len(accounts))
	}
	for _, want := range []string{
		"imap STARTTLS", "pop3 STARTTLS", "mail", "alert", "refused", "SSLv2", "SSLv3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3",
		"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA",
		string(sandbox.LibraryLogin), string(sandbox.AuthXOAUTH2), string(sandbox.AuthLogin), string(sandbox.LoginLiteral),
		string(sandbox.UserPass),
	} {
		if !kinds[want] {
			t.Errorf("no device with %s", want)
		}
	}
}

// scripted serves one connection by a dialog and tells how it went.
func scripted(t *testing.T, config *tls.Config, script string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveScript(l, script) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-done; err != nil {
			t.Errorf("scripted server: %v", err)
		}
	})
	return l.Addr().String()
}

func serveScript(l net.Listener, script string) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	reader := bufio.NewReader(conn)
	for line := range strings.Lines(script) {
		text := strings.TrimSuffix(line[2:], "\n")
		if line[0] == '<' {
			if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
				return err
			}
			continue
		}
		got, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		if got = strings.TrimSuffix(got, "\n"); got != text {
			return errors.New("heard " + got + ", want " + text)
		}
	}
	return nil
}

func TestDevice_AuthLogin(t *testing.T) {
	mail := []byte("A: b\r\n\r\n.\r\n")
	config := selfSigned(t)
	habits := sandbox.Habits{LowerCase: true, DoubleSpaces: true, BareLF: true}
	for _, c := range []struct {
		protocol sandbox.Protocol
		script   string
	}{
		{sandbox.IMAP, "< * OK x\n> a1 authenticate  LOGIN\n< + VXNlcm5hbWU6\n> bWU=\n< + UGFzc3dvcmQ6\n> c2VjcmV0\n< a1 OK\n" +
			"> a1 select INBOX\n< a1 OK\n> a1 fetch 1 (RFC822)\n" +
			"< * 1 FETCH (RFC822 {11}\n< A: b\n< \n< .\n< )\n< a1 OK\n> a1 logout\n< * BYE\n"},
		{sandbox.POP3, "< +OK x\n> auth  LOGIN\n< + VXNlcm5hbWU6\n> bWU=\n< + UGFzc3dvcmQ6\n> c2VjcmV0\n< +OK\n> stat\n< +OK 1 11\n> retr 1\n" +
			"< +OK\n< A: b\n< \n< ..\n< .\n> quit\n< +OK\n"},
	} {
		d := sandbox.Device{Name: "x", Protocol: c.protocol, Login: sandbox.AuthLogin, Account: "me", Password: "secret", Habits: habits,
			Mail: mail, Expect: sandbox.MailRead}
		r := d.Run(testContext(t), sandbox.Target{Address: scripted(t, config, c.script)})
		if !r.OK() {
			t.Errorf("%s: got %s, %v", c.protocol, r.Outcome, r.Err)
		}
	}
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	certificate, err := sandbox.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10}
}

func TestDevice_Failures(t *testing.T) {
	config := selfSigned(t)
	for _, c := range []struct {
		name     string
		protocol sandbox.Protocol
		login    sandbox.LoginForm
		script   string
		outcome  sandbox.Outcome
		says     string
	}{
		{"BYE as greeting", sandbox.IMAP, sandbox.LoginQuoted, "< * BYE busy\n", sandbox.Refused, "* BYE busy"},
		{"-ERR as greeting", sandbox.POP3, sandbox.UserPass, "< -ERR busy\n", sandbox.Refused, "-ERR busy"},
		{"refused before the continuation", sandbox.IMAP, sandbox.AuthPlain, "< * OK\n> a1 AUTHENTICATE PLAIN\r\n< a1 NO [UNAVAILABLE] wait\n",
			sandbox.Refused, "NO [UNAVAILABLE] wait"},
		{"BYE instead of an answer", sandbox.IMAP, sandbox.LoginQuoted, "< * OK\n> a1 LOGIN \"me\" \"\\\"\\\\\"\r\n< * BYE gone\n",
			sandbox.Refused, "* BYE gone"},
		{"a challenge behind a token", sandbox.IMAP, sandbox.AuthXOAUTH2, "< * OK\n> a1 AUTHENTICATE XOAUTH2 " + xoauth2("me", "t") +
			"\r\n< + e30=\n> \r\n< a1 NO x\n", sandbox.Refused, "NO x"},
		{"mail changed", sandbox.POP3, sandbox.UserPass, "< +OK\n> USER me\r\n< +OK\n> PASS \"\\\r\n< +OK\n> STAT\r\n< +OK\n> RETR 1\r\n< +OK\n" +
			"< other\n< .\n> QUIT\r\n< +OK\n", sandbox.Failed, "not the one"},
		{"USER refused", sandbox.POP3, sandbox.UserPass, "< +OK\n> USER me\r\n< -ERR no\n", sandbox.Refused, "-ERR no"},
		{"prompt out of place", sandbox.POP3, sandbox.AuthPlain, "< +OK\n> AUTH PLAIN\r\n< +OK\n", sandbox.Failed, "out of place"},
		{"a login form of the other protocol, IMAP", sandbox.IMAP, sandbox.UserPass, "< * OK\n", sandbox.Failed, "no such login form"},
		{"a login form of the other protocol, POP3", sandbox.POP3, sandbox.LoginQuoted, "< +OK\n", sandbox.Failed, "no such login form"},
		{"the end instead of an answer", sandbox.IMAP, sandbox.LoginQuoted, "< * OK\n> a1 LOGIN \"me\" \"\\\"\\\\\"\r\n", sandbox.Failed,
			"read a line"},
		{"library refused", sandbox.IMAP, sandbox.LibraryLogin, "< * OK [CAPABILITY IMAP4rev1] x\n> T1 LOGIN \"me\" \"\\\"\\\\\"\r\n" +
			"< T1 NO [AUTHENTICATIONFAILED] x\n", sandbox.Refused, "AUTHENTICATIONFAILED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := sandbox.Device{Name: "x", Protocol: c.protocol, Login: c.login, Account: "me", Password: `"\`, Token: "t", Mail: []byte("y"),
				Expect: c.outcome}
			r := d.Run(testContext(t), sandbox.Target{Address: scripted(t, config, c.script)})
			said := r.Refusal
			if r.Err != nil {
				said = r.Err.Error()
			}
			if r.Outcome != c.outcome || !strings.Contains(said, c.says) {
				t.Errorf("got %s, %q, want %s, %q", r.Outcome, said, c.outcome, c.says)
			}
		})
	}
}

func TestDevice_Verifies(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	d := sandbox.Device{Name: "x", Protocol: sandbox.IMAP, Login: sandbox.LoginQuoted, Account: address, Password: password,
		Mail: []byte(message), Expect: sandbox.MailRead}
	for _, c := range []struct {
		name  string
		roots *x509.CertPool
		as    string
		ok    bool
	}{
		{"its CA and the address as name", e.Roots(), "", true},
		{"nothing", nil, "elsewhere.example", true},
		{"another name", e.Roots(), "elsewhere.example", false},
		{"another CA", x509.NewCertPool(), "", false},
	} {
		r := d.Run(testContext(t), sandbox.Target{Address: l.Address(), Roots: c.roots, ServerName: c.as})
		if r.OK() != c.ok {
			t.Errorf("%s: got %s, %v", c.name, r.Outcome, r.Err)
		}
	}
}

func TestDevice_EndsWithItsContextAndTimeout(t *testing.T) {
	e := newExchange(t)
	l := listen(t, e, sandbox.ListenOptions{})
	setFaults(t, l, sandbox.Faults{SilentAfterGreeting: true})
	d := sandbox.Device{Name: "x", Protocol: sandbox.IMAP, Login: sandbox.LoginQuoted}
	if r := d.Run(testContext(t), sandbox.Target{Address: l.Address(), Timeout: 50 * time.Millisecond}); r.Outcome != sandbox.Failed {
		t.Errorf("got %s, want a failure by timeout", r.Outcome)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	r := d.Run(ctx, sandbox.Target{Address: l.Address(), Step: func(s sandbox.Step) {
		if strings.HasPrefix(s.Text, "greeted") {
			cancel()
		}
	}})
	if r.Outcome != sandbox.Failed || r.OK() {
		t.Errorf("got %s, want a failure by the context", r.Outcome)
	}
	setFaults(t, l, sandbox.Faults{Down: true})
	r = d.Run(testContext(t), sandbox.Target{Address: l.Address()})
	if r.Outcome != sandbox.Failed || !strings.Contains(r.Err.Error(), "connect") {
		t.Errorf("got %s, %v, want a failure to connect", r.Outcome, r.Err)
	}
}

func TestDevice_OldHelloWantsAnAlert(t *testing.T) {
	for name, answer := range map[string]string{
		"a handshake":      "\x16\x03\x00\x00\x02ab",
		"a warning":        "\x15\x03\x00\x00\x02\x01\x28",
		"a record of SSL2": "\x15\x02\x00\x00\x02\x02\x28",
		"the end":          "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if conn, err := l.Accept(); err == nil {
				io.ReadFull(conn, make([]byte, 20))
				io.WriteString(conn, answer)
				conn.Close()
			}
		}()
		d := sandbox.Device{Name: "x", Protocol: sandbox.IMAP, Hello: sandbox.SSLv3Hello, Expect: sandbox.Alerted}
		if r := d.Run(testContext(t), sandbox.Target{Address: l.Addr().String()}); r.Outcome != sandbox.Failed {
			t.Errorf("%s: got %s, want a failure", name, r.Outcome)
		}
		l.Close()
		<-done
	}
}
