package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/oauth"
)

// tokenCheckup is what the doctor found out about the tokens of an upstream or, with flows that log users in, of a mailbox.
type tokenCheckup struct {
	config  config.Upstream
	mailbox string // empty: the token is the application's, for all mailboxes
	checks  []check
	claims  oauth.Claims
	usable  bool            // there is a token
	unfit   string          // the step whose failure explains every refusal
	lacks   map[string]bool // protocols without their permission
}

func (t *tokenCheckup) add(c check) {
	c.Upstream, c.Mailbox = t.config.Name, t.mailbox
	t.checks = append(t.checks, c)
}

func (t *tokenCheckup) shell() powerShell { return newPowerShell(t.config.OAuth2, t.claims) }

// examine asks for a token for each protocol, which mostly is the same one, and reads what it says of itself.
func (t *tokenCheckup) examine(ctx context.Context, source *oauth.Source, mailbox string, protocols []string) {
	t.lacks = map[string]bool{}
	for i, protocol := range protocols {
		token, err := source.Token(ctx, oauth.Request{Mailbox: mailbox, Protocol: protocol})
		if err != nil {
			t.usable = false
			t.add(t.refused(err))
			return
		}
		claims, err := oauth.Decode(token.Value.Reveal())
		if i == 0 {
			t.usable = true
			t.claims = claims
			t.examineToken(token, err, protocols)
		}
		if err == nil {
			t.examinePermission(claims, protocol, protocols)
		}
	}
}

// longToken is where POP3's front end begins to refuse a token, less some room.
const longToken = 4000

func (t *tokenCheckup) examineToken(token oauth.Token, unread error, protocols []string) {
	length := len(token.Value.Reveal())
	c := check{Step: stepToken, Finding: findOK, Detail: fmt.Sprintf("%d characters", length)}
	switch {
	case unread != nil:
		c.Finding, c.Cause = findWarn, unread.Error()+", so what it is for cannot be looked at; that alone is no fault"
	case length > longToken && slices.Contains(protocols, "pop3"):
		c.Finding, c.Cause = findWarn, "Exchange Online takes up to 4,096 characters over POP3: leave group claims out of the token (App registrations > Token configuration)"
	}
	t.add(c)
	t.warnOfSecret(time.Now())
	if unread != nil {
		return
	}
	t.examineAudience()
	t.examineTenant()
	t.examineApplication()
	t.examineExpiry(time.Now())
}

// warnOfSecret tells that the client secret is near its end, of which tokens say nothing.
func (t *tokenCheckup) warnOfSecret(now time.Time) {
	const ahead = 60 * 24 * time.Hour
	end := t.config.OAuth2.ClientSecretExpires
	if end.IsZero() || end.Sub(now) > ahead {
		return
	}
	t.add(check{Step: stepToken, Finding: findWarn, Detail: "the client secret ends on " + end.Format(time.DateOnly),
		Cause: "make another one and put it into client_secret, and its end into client_secret_expires", Mend: t.shell().newSecret()})
}

// audiences are those that Exchange Online takes, by cloud.
var audiences = map[string][]string{
	"global":   {"https://outlook.office365.com", "https://outlook.office.com", exchangeAppID},
	"gcc-high": {"https://outlook.office365.us", exchangeAppID},
	"dod":      {"https://outlook-dod.office365.us", exchangeAppID},
	"china":    {"https://partner.outlook.cn", exchangeAppID},
}

func (t *tokenCheckup) examineAudience() {
	c := check{Step: stepAudience, Finding: findOK, Detail: t.claims.Audience}
	takes := audiences[t.config.OAuth2.Cloud]
	if !slices.Contains(takes, strings.TrimSuffix(t.claims.Audience, "/")) {
		c.Finding = findFail
		c.Cause = fmt.Sprintf("Exchange Online takes no token for this, only for %s: check cloud and authority of upstreams.%s.auth.oauth2, "+
			"and what stands between the bridge and Entra ID", takes[0], t.config.Name)
		t.unfit = stepAudience
	}
	t.add(c)
}

func (t *tokenCheckup) examineTenant() {
	c := check{Step: stepTenant, Finding: findOK, Detail: t.claims.Tenant}
	if want := t.config.OAuth2.Tenant; isGUID(want) && !strings.EqualFold(want, t.claims.Tenant) {
		c.Finding, c.Cause = findFail, fmt.Sprintf("the token is of another tenant than upstreams.%s.auth.oauth2.tenant (%s): compare both with Entra admin center > Overview", t.config.Name, want)
		c.Mend = t.shell().showTenant()
		t.unfit = stepTenant
	}
	t.add(c)
}

func (t *tokenCheckup) examineApplication() {
	c := check{Step: stepApplication, Finding: findOK, Detail: t.claims.App}
	switch want := t.config.OAuth2.ClientID; {
	case want != "" && !strings.EqualFold(want, t.claims.App):
		c.Finding, c.Cause = findFail, fmt.Sprintf("the token is of another application than upstreams.%s.auth.oauth2.client_id (%s): compare it with the app registration", t.config.Name, want)
		c.Mend = t.shell().showApplication()
		t.unfit = stepApplication
	case t.claims.User != "":
		c.Detail += ", for the user " + t.claims.User
	case t.claims.Object != "":
		c.Detail += ", enterprise application " + t.claims.Object
	}
	t.add(c)
}

func (t *tokenCheckup) examineExpiry(now time.Time) {
	left := t.claims.Expires.Sub(now).Round(time.Second)
	c := check{Step: stepExpiry, Finding: findOK, Detail: fmt.Sprintf("in %s, at %s", left, t.claims.Expires.UTC().Format(time.RFC3339))}
	if left <= 0 {
		c.Finding, c.Detail = findFail, t.claims.Expires.UTC().Format(time.RFC3339)
		c.Cause = "by this machine's clock the token has ended already: set the clock (NTP)"
		t.unfit = stepExpiry
	}
	t.add(c)
}

// examinePermission looks for the role of an application, or the scope of a user's token.
func (t *tokenCheckup) examinePermission(claims oauth.Claims, protocol string, protocols []string) {
	has, names := claims.Roles, appRoles
	delegated := len(claims.Scopes) > 0
	if delegated {
		has, names = claims.Scopes, userScopes
	}
	c := check{Protocol: protocol, Step: stepRole, Finding: findOK, Detail: names[protocol]}
	if t.unfit != "" {
		c.Finding, c.Detail = findSkip, "not looked at, because of the "+t.unfit
		t.add(c)
		return
	}
	if !slices.Contains(has, names[protocol]) {
		t.lacks[protocol] = true
		c.Finding, c.Detail, c.Wait = findFail, names[protocol]+" is missing", true
		c.Cause = "the permission on Office 365 Exchange Online was not given, or nobody consented: grant it with admin consent"
		c.Mend = t.grant(delegated, names, has, protocols)
	}
	t.add(c)
}

// grant mends all permissions that are missing, so that it is done once.
func (t *tokenCheckup) grant(delegated bool, names map[string]string, has, protocols []string) []string {
	if delegated {
		return []string{"drawbridge account login " + shellWord(t.mailbox)}
	}
	var missing []string
	for _, p := range protocols {
		if !slices.Contains(has, names[p]) {
			missing = append(missing, names[p])
		}
	}
	return t.shell().grant(missing...)
}

// shellWord quotes s for a POSIX shell.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._@+-", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// refused tells why there is no token.
func (t *tokenCheckup) refused(err error) check {
	c := check{Step: stepToken, Finding: findFail, Cause: err.Error()}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return c
	}
	c.Detail = "class " + string(e.Class)
	if e.Code != "" {
		c.Detail += ", " + e.Code
	}
	if e.Trace != "" {
		c.Detail += ", trace id " + e.Trace
	}
	c.Cause = strings.ReplaceAll(e.Sentence, "run `drawbridge doctor` and ", "")
	c.Wait = e.Class == oauth.Consent
	c.Mend = t.mend(e)
	return c
}

// mend is the step that brings a token, where it is one of PowerShell's.
func (t *tokenCheckup) mend(e *oauth.Error) []string {
	shell := t.shell()
	switch {
	case e.Class == oauth.SecretExpired, e.Code == "AADSTS7000215", e.Code == "AADSTS70002":
		return shell.newSecret()
	case e.Code == "AADSTS90002", e.Code == "AADSTS90038":
		return shell.showTenant()
	case e.Code == "AADSTS700016", e.Code == "AADSTS70001":
		return shell.showApplication()
	case e.Code == "AADSTS7000229":
		return shell.newEnterpriseApplication()
	case e.Class == oauth.Consent && t.mailbox == "":
		return shell.grant(appRoles["imap"], appRoles["pop3"])
	case e.Class == oauth.SignInAgain && t.mailbox != "":
		return []string{"drawbridge account login " + shellWord(t.mailbox)}
	}
	return nil
}
