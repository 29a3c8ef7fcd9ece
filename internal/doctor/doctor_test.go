package doctor_test

import (
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"drawbridge/config"
	"drawbridge/internal/doctor"
	"drawbridge/internal/sandbox"
)

// ailments are the states of the world that a doctor must tell apart. prepare comes before the listeners open, break afterwards.
var ailments = []struct {
	name    string
	prepare func(*clinic)
	harm    func(*clinic)
	healthy bool
}{
	{name: "healthy", healthy: true},
	{name: "healthy-starttls", healthy: true, prepare: func(c *clinic) {
		c.upstream = "ca: mail.pem\n    tls: starttls"
		for _, o := range c.listen {
			o.STARTTLS, o.Personality = true, sandbox.Classic
		}
	}},
	{name: "wrong-secret", prepare: func(c *clinic) { c.secret = "not-the-secret~canary" }},
	{name: "expired-secret", harm: func(c *clinic) { must(c.t, c.entra.SetFaults(sandbox.EntraFaults{SecretExpired: true})) }},
	{name: "unknown-tenant", prepare: func(c *clinic) { c.tenantName = "11111111-2222-4333-8444-555555555555" }},
	{name: "unknown-application", prepare: func(c *clinic) { c.client = "11111111-2222-4333-8444-555555555555" }},
	{name: "disabled-application", harm: func(c *clinic) { c.setApp(func(a *sandbox.Application) { a.Refusal = 7000112 }) }},
	{name: "no-consent", harm: func(c *clinic) { c.setApp(func(a *sandbox.Application) { a.NoConsent = true }) }},
	{name: "no-pop-role", harm: func(c *clinic) { c.setApp(func(a *sandbox.Application) { a.Roles = a.Roles[:1] }) }},
	{name: "graph-audience", harm: func(c *clinic) { must(c.t, c.entra.SetFaults(sandbox.EntraFaults{WrongAudience: true})) }},
	{name: "opaque-token", harm: func(c *clinic) { must(c.t, c.entra.SetFaults(sandbox.EntraFaults{Opaque: true})) }},
	{name: "principal-not-registered", harm: func(c *clinic) { c.exchange.RemoveServicePrincipal(c.app().ID) }},
	{name: "principal-with-wrong-object-id", harm: func(c *clinic) {
		c.exchange.NewServicePrincipal(c.app().ID, "99999999-2222-4333-8444-555555555555")
	}},
	{name: "imap-only-no-full-access", prepare: func(c *clinic) {
		c.exchange.RemoveMailboxPermission(scansMailbox, c.app().ObjectID)
		c.more = strings.Replace(c.accounts("scanner1", scansMailbox), "mailbox:", "protocols: [imap], mailbox:", 1)
	}},
	{name: "no-full-access", harm: func(c *clinic) { c.exchange.RemoveMailboxPermission(scansMailbox, c.app().ObjectID) }},
	{name: "imap-disabled", harm: func(c *clinic) { c.exchange.Mailbox(scansMailbox).SetEnabled(sandbox.IMAP, false) }},
	{name: "pop-disabled", harm: func(c *clinic) { c.exchange.Mailbox(scansMailbox).SetEnabled(sandbox.POP3, false) }},
	{name: "one-of-two-mailboxes", prepare: func(c *clinic) {
		m := c.mailbox("fax@contoso.example")
		m.SetEnabled(sandbox.IMAP, false)
		m.SetEnabled(sandbox.POP3, false)
		c.more = c.accounts("scanner1", scansMailbox, "fax1", "fax@contoso.example")
	}},
	{name: "upstream-down", harm: func(c *clinic) {
		for _, l := range c.open {
			must(c.t, l.SetFaults(sandbox.Faults{Down: true}))
		}
	}},
	{name: "imap-down", harm: func(c *clinic) { must(c.t, c.open[sandbox.IMAP].SetFaults(sandbox.Faults{Down: true})) }},
	{name: "self-signed-certificate", prepare: func(c *clinic) { c.listen[sandbox.IMAP].Certificate = sandbox.SelfSignedCertificate }},
	{name: "expired-certificate", prepare: func(c *clinic) { c.listen[sandbox.POP3].Certificate = sandbox.ExpiredCertificate }},
	{name: "wrong-name-certificate", prepare: func(c *clinic) { c.listen[sandbox.IMAP].Certificate = sandbox.WrongNameCertificate }},
	{name: "old-tls", prepare: func(c *clinic) {
		for _, o := range c.listen {
			o.MinTLS, o.MaxTLS = tls.VersionTLS10, tls.VersionTLS11
			o.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
		}
	}},
	{name: "unknown-name", prepare: func(c *clinic) { c.imapAddress = "nowhere.invalid:993" }},
	{name: "not-a-mail-server", harm: func(c *clinic) {
		must(c.t, c.open[sandbox.IMAP].SetFaults(sandbox.Faults{Greeting: "* BYE Server \x1b[31munavailable"}))
		must(c.t, c.open[sandbox.POP3].SetFaults(sandbox.Faults{Greeting: "SSH-2.0-other"}))
	}},
	{name: "throttled", harm: func(c *clinic) {
		must(c.t, c.open[sandbox.IMAP].SetFaults(sandbox.Faults{Throttle: sandbox.ThrottleCloses}))
		must(c.t, c.open[sandbox.POP3].SetFaults(sandbox.Faults{Throttle: sandbox.ThrottleStays}))
	}},
	{name: "entra-down", harm: func(c *clinic) { must(c.t, c.entra.SetFaults(sandbox.EntraFaults{Down: true})) }},
	{name: "no-passwords-there", prepare: func(c *clinic) { c.auth = "passthrough" }},
	{name: "passthrough", healthy: true, prepare: func(c *clinic) {
		c.auth = "passthrough"
		for _, o := range c.listen {
			o.Personality = sandbox.Classic
		}
	}},
	{name: "device-code-not-signed-in", prepare: func(c *clinic) { c.auth = c.flow("device_code") }},
	{name: "flow-password", healthy: true, prepare: func(c *clinic) { c.auth = c.flow("password") }},
	{name: "no-account", healthy: true, prepare: func(c *clinic) { c.more = "accounts: []" }},
}

// TestExamine_NamesTheCause compares what the doctor says of each state of the stand-ins with a file. UPDATE_GOLDEN=1 writes the
// files anew.
func TestExamine_NamesTheCause(t *testing.T) {
	t.Parallel()
	for _, a := range ailments {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			if a.prepare != nil {
				a.prepare(c)
			}
			c.start()
			if a.harm != nil {
				a.harm(c)
			}
			d, err := c.consult("")
			must(t, err)
			if d.Healthy != a.healthy {
				t.Errorf("healthy: %t, want %t", d.Healthy, a.healthy)
			}
			text := c.text(d)
			c.checkSecrets(text)
			compareGolden(t, a.name, c.normal(text))
		})
	}
}

// checkSecrets sees that nothing of a secret is in what was printed.
func (c *clinic) checkSecrets(printed string) {
	c.t.Helper()
	hash, err := scansHash()
	must(c.t, err)
	for _, secret := range []string{c.app().Secret, c.secret, hash, "eyJ", "Bearer"} {
		if secret != "" && strings.Contains(printed, secret) {
			c.t.Errorf("the output shows %q", secret)
		}
	}
}

var normalForms = []struct {
	form *regexp.Regexp
	text string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\((no such host|no answer in time|the name server fails: [^)]*)\)`), "(LOOKUP)"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d\b`), "DATE"},
	{regexp.MustCompile(`\b(in|after) \d[0-9hmsµ.]*`), "$1 DURATION"},
	{regexp.MustCompile(`\b\d+ characters`), "N characters"},
	{regexp.MustCompile(`trace id [0-9a-f-]{36}`), "trace id ID"},
	{regexp.MustCompile(`dial tcp .*: connect`), "dial tcp: connect"},
}

// normal replaces what is different every time.
func (c *clinic) normal(s string) string {
	s = strings.NewReplacer(c.tenant.ID, "{TENANT}", c.app().ID, "{APP}", c.app().ObjectID, "{OBJECT}").Replace(s)
	for _, n := range normalForms {
		s = n.form.ReplaceAllString(s, n.text)
	}
	return s
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		must(t, os.MkdirAll(filepath.Dir(path), 0o750))
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("the doctor says\n%s\nwant\n%s", got, want)
	}
}

func TestScript_IsOneSetUpForAllMailboxes(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.start()
	c.more = c.accounts("scanner1", scansMailbox, "o'brien@contoso.example", "o'brien@contoso.example")
	cfg, err := config.Load(c.file())
	must(t, err)
	targets, err := c.targets(cfg, "")
	must(t, err)
	var b strings.Builder
	must(t, doctor.Script(&b, cfg.Upstreams, targets))
	if n := c.exchange.Log().Count(sandbox.Accepted) + c.entra.Log().Tokens(); n != 0 {
		t.Errorf("a script made %d connections, want none", n)
	}
	c.checkSecrets(b.String())
	compareGolden(t, "script", c.normal(b.String()))
}

func TestDiagnosis_JSON(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.start()
	c.exchange.RemoveMailboxPermission(scansMailbox, c.app().ObjectID)
	d, err := c.consult("")
	must(t, err)
	var b strings.Builder
	must(t, d.JSON(&b))
	var r doctor.Diagnosis
	must(t, json.Unmarshal([]byte(b.String()), &r))
	if r.Healthy {
		t.Error("healthy: true, want false")
	}
	var failed []string
	for _, found := range r.Checks {
		if found.Finding == doctor.Failed {
			failed = append(failed, found.Protocol+" "+found.Step)
			if len(found.Mend) == 0 || !found.Wait {
				t.Errorf("%s %s has no mend, or no hint to wait: %+v", found.Protocol, found.Step, found)
			}
		}
	}
	if got := strings.Join(failed, ", "); got != "imap mailbox, pop3 xoauth2" {
		t.Errorf("failed: %s", got)
	}
	c.checkSecrets(b.String())
}

func TestExamine_ALongTokenOverIMAPInTwoSteps(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.start()
	must(t, c.entra.SetFaults(sandbox.EntraFaults{TokenLength: 9000}))
	d, err := c.consult("")
	must(t, err)
	text := c.text(d)
	if d.Healthy || !strings.Contains(text, "Exchange Online takes up to 4,096 characters over POP3") {
		t.Errorf("healthy: %t, and no warning of a token of 9,000 characters over POP3:\n%s", d.Healthy, text)
	}
	if !strings.Contains(text, "ok    imap mailbox") {
		t.Errorf("IMAP did not take the long token:\n%s", text)
	}
	for _, e := range c.exchange.Log().Events(sandbox.Received) {
		if strings.HasPrefix(e.Listener, "imap") && strings.Contains(e.Text, "AUTHENTICATE XOAUTH2 ") {
			t.Error("IMAP got the long token as an initial response")
		}
	}
}
