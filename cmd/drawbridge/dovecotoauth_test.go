package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"text/template"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// tokenDovecots are the ways in which a Dovecot asks about a token, between them reached by both kinds of TLS.
var tokenDovecots = []struct{ mode, tls, query string }{
	{mode: "auth", tls: "implicit"},                  // the token is the Authorization header
	{mode: "post", tls: "starttls"},                  // it is in a form
	{mode: "get", tls: "implicit", query: "?token="}, // it is appended to the URL
}

// TestDovecot_TakesTokens lets old devices read a message from a Dovecot that takes no passwords and has Entra ID say of each
// token whether it is good.
func TestDovecot_TakesTokens(t *testing.T) {
	for _, d := range tokenDovecots {
		t.Run(d.mode+"/"+d.tls, func(t *testing.T) {
			t.Parallel()
			w := newTokenDovecot(t, d.mode, d.tls, d.query)
			for _, protocol := range bothProtocols {
				w.wantMessage(t, protocol)
			}
			w.wantIntrospected(t, 2)
		})
	}
}

// TestDovecot_RefusesTokens proves that the Dovecot of TestDovecot_TakesTokens does look at tokens, and that the bridge gets
// through its refusal, which is a challenge first: of a token that opens another mailbox, and while nobody can be asked.
func TestDovecot_RefusesTokens(t *testing.T) {
	for _, protocol := range bothProtocols {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			w := newTokenDovecot(t, "auth", "implicit", "")
			refused := func(k knock) {
				t.Helper()
				got := w.try(t, k)
				got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseAuthenticate, "")
				if got.record.UpstreamAuth != "XOAUTH2" || got.record.UpstreamSays == "" {
					t.Errorf("record: upstream_auth %q, upstream_says %q, want XOAUTH2 and what Dovecot said", got.record.UpstreamAuth,
						got.record.UpstreamSays)
				}
			}
			w.wantMail(t, scanner(protocol))
			refused(knock{protocol: protocol, name: otherLogin, password: scannerCode})
			w.wantMail(t, scanner(protocol))
			must(t, w.entra.SetFaults(sandbox.EntraFaults{Status: 503}))
			refused(scanner(protocol))
			must(t, w.entra.SetFaults(sandbox.EntraFaults{}))
			w.wantMail(t, scanner(protocol))
		})
	}
}

// The account of every newTokenDovecot that its tokens do not open the mailbox of.
const (
	otherLogin   = "other"
	otherMailbox = "other@contoso.example"
)

// newTokenDovecot starts Entra ID, a Dovecot that asks it and a bridge, with the account that every modernWorld has and another.
func newTokenDovecot(t *testing.T, mode, upstreamTLS, query string) *modernWorld {
	t.Helper()
	needDovecot(t)
	w := &modernWorld{world: newWorld(t), tenant: sandbox.ModernTenant()}
	var err error
	w.entra, err = sandbox.NewEntra(sandbox.EntraOptions{Tenants: []sandbox.Tenant{w.tenant}})
	must(t, err)
	t.Cleanup(func() { _ = w.entra.Close() })
	must(t, os.WriteFile(w.entraCA(), w.entra.CA(), 0o600))
	d := newDovecotFolder(t, w.entra.CA())
	d.Mode, d.URL = mode, w.entra.URL()+"/"+w.tenant.ID+"/introspect/"+scannerMailbox+query
	d.start(t)
	app := w.tenant.Applications[0]
	w.start(w.configure(bridgeConfig, fmt.Sprintf(`
upstreams:
  dovecot:
    imap: "127.0.0.1:%s"
    pop3: "127.0.0.1:%s"
    tls: %s
    ca: %s
    server_name: localhost
    auth:
      oauth2: {flow: client_credentials, tenant: %s, client_id: %s, client_secret: %q, authority: %q, ca: %s}
accounts:
%s%s`, d.Ports["imap_"+upstreamTLS], d.Ports["pop3_"+upstreamTLS], upstreamTLS, d.path("server.pem"),
		w.tenant.ID, app.ID, app.Secret, w.entra.URL(), w.entraCA(),
		modernAccount(t, scannerLogin, scannerMailbox, scannerCode, ""), modernAccount(t, otherLogin, otherMailbox, scannerCode, ""))))
	return w
}

// wantMessage lets a device with TLS 1.0 and a keypad's password read the message, and checks the record.
func (w *modernWorld) wantMessage(t *testing.T, protocol sandbox.Protocol) {
	t.Helper()
	form := map[sandbox.Protocol]sandbox.LoginForm{sandbox.IMAP: sandbox.LoginQuoted, sandbox.POP3: sandbox.UserPass}[protocol]
	result, r := w.visit(t, sandbox.Device{
		Name: "scanner over " + string(protocol), Protocol: protocol, MinTLS: tls.VersionTLS10, MaxTLS: tls.VersionTLS10, Login: form,
		Account: scannerLogin, Mailbox: scannerMailbox, Password: scannerCode, Mail: messageOf(1), Expect: sandbox.MailRead,
	})
	if !result.OK() {
		t.Fatalf("%s: %s, refusal %q, error %v, mail %q; reason %q, upstream says %q", protocol, result.Outcome, result.Refusal, result.Err,
			result.Mail, r.Reason, r.UpstreamSays)
	}
	if r.Outcome != inventory.OutcomeBridged || r.UpstreamAuth != "XOAUTH2" || r.Account != scannerLogin || r.Mailbox != scannerMailbox ||
		r.TokenLeft < time.Minute {
		t.Errorf("%s: record: outcome %s, upstream_auth %q, account %q, mailbox %q, token left %v", protocol, r.Outcome, r.UpstreamAuth,
			r.Account, r.Mailbox, r.TokenLeft)
	}
	if device, upstream := r.TLS.Version, r.UpstreamTLS.Version; device != hello.Version(tls.VersionTLS10) ||
		upstream < hello.Version(tls.VersionTLS12) {
		t.Errorf("%s: record: TLS %v to the device and %v to Dovecot, want 1.0 and at least 1.2", protocol, device, upstream)
	}
}

// wantIntrospected wants Dovecot to have asked once for each login, and all logins to have shared a token.
func (w *modernWorld) wantIntrospected(t *testing.T, logins int) {
	t.Helper()
	asked := w.entra.Log().Requests(sandbox.Introspection)
	for _, r := range asked {
		if !r.OK() || r.User != scannerMailbox {
			t.Errorf("Dovecot asked about a token for %q and got %d, error %q", r.User, r.Status, r.Error)
		}
	}
	if tokens := w.entra.Log().Tokens(); len(asked) != logins || tokens != 1 {
		t.Errorf("Dovecot asked about %d tokens and the bridge got %d, want %d and 1", len(asked), tokens, logins)
	}
}

// dovecotFolder is where a Dovecot has all of its files, and what their templates say.
type dovecotFolder struct {
	Dir, EntraCA, Mode, URL string
	Ports                   map[string]string
	User, GID               string
	Root                    bool
}

// newDovecotFolder has a certificate and a mailbox with one message.
func newDovecotFolder(t *testing.T, entraCA []byte) *dovecotFolder {
	t.Helper()
	me, err := user.Current()
	must(t, err)
	dir := t.TempDir()
	d := &dovecotFolder{Dir: dir, Ports: dovecotPorts(t), User: me.Username, GID: me.Gid, Root: me.Uid == "0"}
	d.EntraCA = d.path("entra-ca.pem")
	must(t, os.WriteFile(d.EntraCA, entraCA, 0o644))
	d.run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
		"/CN=localhost",
		"-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.pem")
	must(t, os.MkdirAll(d.path("maildir/new"), 0o700))
	onDisk := bytes.ReplaceAll(messageOf(1), []byte("\r\n"), []byte("\n"))
	must(t, os.WriteFile(d.path("maildir/new/1.message.localhost"), onDisk, 0o600))
	if d.Root { // Dovecot opens no mail as root, and its own users must find their files
		d.run(t, "chown", "-R", "nobody:nogroup", "maildir")
		d.run(t, "chmod", "755", ".", "..")
	}
	return d
}

func (d *dovecotFolder) path(name string) string { return filepath.Join(d.Dir, name) }

// run runs a command in the folder.
func (d *dovecotFolder) run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = d.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// render fills in a template of testdata/devices.
func (d *dovecotFolder) render(t *testing.T, name string) string {
	t.Helper()
	tmpl, err := template.ParseFiles(filepath.Join("testdata", "devices", name+".tmpl"))
	must(t, err)
	var text bytes.Buffer
	must(t, tmpl.Execute(&text, d))
	must(t, os.WriteFile(d.path(name), text.Bytes(), 0o644)) // Dovecot's own users read it
	return d.path(name)
}

// start starts the Dovecot, and ends it with the test.
func (d *dovecotFolder) start(t *testing.T) {
	t.Helper()
	d.render(t, "dovecot-introspection.conf")
	var printed bytes.Buffer
	cmd := exec.Command("dovecot", "-F", "-c", d.render(t, "dovecot-token.conf"))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &printed, &printed, time.Second
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("Dovecot ended on SIGTERM with %v, want 0", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(d.path("dovecot.log"))
			t.Logf("Dovecot printed %q and logged:\n%s", &printed, log)
		}
	})
	until(t, "Dovecot to be ready", func() bool { return d.greets("imap_implicit") && d.greets("pop3_implicit") })
}

// greets tells whether one of the ports with implicit TLS says anything.
func (d *dovecotFolder) greets(port string) bool {
	dialer := &net.Dialer{Timeout: time.Second}
	// Only whether it is there is asked; the bridge verifies whose it is.
	conn, err := tls.DialWithDialer(dialer, "tcp", "127.0.0.1:"+d.Ports[port], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1))
	return err == nil
}

// dovecotPorts are free ones, all different.
func dovecotPorts(t *testing.T) map[string]string {
	t.Helper()
	ports := map[string]string{}
	for _, name := range []string{"imap_implicit", "imap_starttls", "pop3_implicit", "pop3_starttls"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer func() { _ = l.Close() }() // when all are chosen
		_, ports[name], err = net.SplitHostPort(l.Addr().String())
		must(t, err)
	}
	return ports
}

// needDovecot skips the test where a program is missing, but not in CI, which has to bring it.
func needDovecot(t *testing.T) {
	t.Helper()
	for program, packages := range map[string]string{"dovecot": "apt packages dovecot-imapd and dovecot-pop3d",
		"openssl": "apt package openssl"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing, install the %s", program, packages)
		}
		t.Skipf("%s is missing, install the %s", program, packages)
	}
}
