package decider_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// house is a configuration whose rules lead on-*@* to a server that takes passwords, and everybody else to one that takes tokens.
func house() *config.Config {
	return &config.Config{
		Contact: "ext. 4711",
		Upstreams: []config.Upstream{
			{Name: "online", IMAP: "imap.test:993", OAuth2: &config.OAuth2{Flow: "client_credentials", Tenant: "contoso.test",
				ClientID: "app-1", ClientSecret: secret.New("s")}},
			{Name: "on-prem", IMAP: "mail.test:993", POP3: "mail.test:995"},
		},
		Rules: []config.Rule{{Match: config.Match{Account: []string{"on-*@*"}}, Upstream: "on-prem"},
			{Match: config.Match{Protocol: []string{"pop3"}}, Upstream: "on-prem"}},
	}
}

// newDecider is the Decider of house, where scanner1 may open scans@contoso.test with the password 4711.
func newDecider(t *testing.T, stages map[string]inventory.Stage) *decider.Decider {
	t.Helper()
	cfg := house()
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	t.Cleanup(func() { services.Retire(nil) })
	hash, err := accounts.Hash(secret.New("4711"), accounts.DefaultParameters())
	must(t, err)
	scanner := accounts.Account{Login: "scanner1", Mailbox: "scans@contoso.test", Passwords: []accounts.Password{{Hash: hash}}}
	book, err := accounts.NewBook([]accounts.Account{scanner}, accounts.Options{})
	must(t, err)
	verified, err := guard.OpenVerified("")
	must(t, err)
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: book, Verified: verified,
		Failures: guard.NewFailures(guard.FailureOptions{Verified: verified}),
		Plans:    setTo(stages)})
	must(t, err)
	return d
}

// setTo has the stages of ids as a Decider asks for them.
func setTo(stages map[string]inventory.Stage) func(source string) map[string]inventory.Plan {
	return func(source string) map[string]inventory.Plan {
		of := map[string]inventory.Plan{}
		for id, stage := range stages {
			if from, account, _ := strings.Cut(id, "/"); from == source {
				of[account] = inventory.Plan{Stage: stage}
			}
		}
		return of
	}
}

// TestDecide_IsOneTable of logins, each at a Decider that saw none before.
func TestDecide_IsOneTable(t *testing.T) {
	t.Parallel()
	password := func(account, password string) login.Credentials {
		return login.Credentials{Account: account, Password: secret.New(password), Mechanism: login.MechanismLogin}
	}
	token := func(account string) login.Credentials {
		return login.Credentials{Account: account, Password: secret.New("a-token"), Mechanism: login.MechanismXOAUTH2}
	}
	for _, c := range []struct {
		name        string
		stage       inventory.Stage // of 10.0.0.7/ and the account
		credentials login.Credentials
		want        string // upstream, account, mailbox, stage
		refused     string // by Decide, as bad credentials
		then        string // the Refusal instead of Admit, as blocked
		mechanisms  string // what goes up, or why not; empty: not asked for, it takes a network
	}{
		{name: "right password", credentials: password("Scanner1", "4711"), want: "online scanner1 scans@contoso.test bridge"},
		{name: "unknown account", credentials: password("scanner2", "4711"), refused: "no account has this login"},
		{name: "wrong password", credentials: password("scanner1", "1999"), refused: "wrong password for the account scanner1"},
		{name: "passthrough", credentials: password("On-1@Contoso.test", "x"), want: "on-prem  on-1@contoso.test bridge", mechanisms: "PLAIN"},
		{name: "own token", credentials: token("Fax@contoso.test"), want: "online  fax@contoso.test bridge", mechanisms: "XOAUTH2"},
		{name: "own token at a server for passwords", credentials: token("on-1@contoso.test"),
			want: "on-prem  on-1@contoso.test bridge", mechanisms: "XOAUTH2"},
		{name: "warned", stage: inventory.StageWarn, credentials: password("scanner1", "4711"), want: "online scanner1 scans@contoso.test warn"},
		{name: "blocked, checked here", stage: inventory.StageBlock, credentials: password("scanner1", "4711"),
			want: "online scanner1 scans@contoso.test block", mechanisms: "the device was set to stage block"},
		{name: "blocked, wrong password", stage: inventory.StageBlock, credentials: password("scanner1", "1999"), refused: "wrong password"},
		{name: "blocked, passthrough", stage: inventory.StageBlock, credentials: password("on-1@contoso.test", "x"),
			want: "on-prem  on-1@contoso.test block", then: "the device was set to stage block", mechanisms: "PLAIN"},
		{name: "blocked, own token", stage: inventory.StageBlock, credentials: token("fax@contoso.test"),
			want: "online  fax@contoso.test block", then: "the device was set to stage block", mechanisms: "XOAUTH2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDecider(t, map[string]inventory.Stage{"10.0.0.7/" + strings.ToLower(c.credentials.Account): c.stage})
			s := &inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.7")}, Protocol: "imap"}
			got, err := d.Decide(t.Context(), time.Now(), s, c.credentials)
			if c.refused != "" {
				wantRefusal(t, err, login.BadCredentials, c.refused)
				return
			}
			must(t, err)
			if line := strings.Join([]string{got.Upstream.Name(), got.Account, got.Mailbox, string(got.Stage)}, " "); line != c.want {
				t.Errorf("decided %q, want %q", line, c.want)
			}
			if checked := got.Account != ""; got.Checked != checked {
				t.Errorf("checked here: %t, want %t", got.Checked, checked)
			}
			if warned := c.stage == inventory.StageWarn; (got.Notice != "") != warned {
				t.Errorf("the device reads the notice %q", got.Notice)
			}
			if got.Then != nil || c.then != "" {
				wantRefusal(t, got.Then, login.Blocked, c.then)
			}
			if c.mechanisms != "" {
				wantMechanism(t, got.Credential, c.mechanisms)
			}
		})
	}
}

// wantMechanism looks at what a credential would send, or why nothing.
func wantMechanism(t *testing.T, c proxy.Credential, want string) {
	t.Helper()
	if !c.NotBefore().IsZero() {
		t.Error("it is slowed before anything was checked")
	}
	clients, err := c.Mechanisms(t.Context())
	if err != nil || len(clients) == 0 {
		wantRefusal(t, err, login.Blocked, want)
		return
	}
	defer c.Result(login.NoAnswer)
	if name, _, err := clients[0].Start(); err != nil || name != want {
		t.Errorf("the upstream is logged in to by %s (%v), want %s", name, err, want)
	}
}

func wantRefusal(t *testing.T, err error, reason login.Reason, want string) {
	t.Helper()
	var r *login.Refusal
	if !errors.As(err, &r) || r == nil || r.Reason != reason || !strings.HasPrefix(r.Err.Error(), want) {
		t.Fatalf("got %v, want a refusal (%v) that begins %q", err, reason, want)
	}
	if r.Reason == login.Blocked && r.Text != house().Contact {
		t.Errorf("the device reads %q, want whom to ask", r.Text)
	}
}

// TestNew_NeedsRulesThatLeadSomewhere, and says so without having begun anything.
func TestNew_NeedsRulesThatLeadSomewhere(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]*config.Config{
		"no upstream":    {},
		"rules[0].match": {Upstreams: house().Upstreams, Rules: []config.Rule{{Match: config.Match{Protocol: []string{"smtp"}}}}},
	} {
		if _, err := decider.New(decider.Options{Config: cfg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
