package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/protocol"
	"drawbridge/internal/upstreams"
)

// tokenCheckup is what the doctor found out about the tokens of an upstream or, with flows that log users in, of a mailbox.
type tokenCheckup struct {
	upstream *upstreams.Upstream
	mailbox  string // empty: the token is the application's, for all mailboxes
	checks   []Check
	claims   oauth.Claims
	usable   bool            // there is a token
	unfit    string          // the step whose failure explains every refusal
	lacks    map[string]bool // protocols without their permission
}

func (t *tokenCheckup) add(c Check) {
	c.Upstream, c.Mailbox = t.upstream.Name, t.mailbox
	t.checks = append(t.checks, c)
}

// judge adds a check of one claim. With a cause the claim is wrong, and every refusal follows from it.
func (t *tokenCheckup) judge(step, detail, cause string, mend ...string) {
	c := good(step, detail)
	if cause != "" {
		c.fail(cause, mend...)
		t.unfit = step
	}
	t.add(c)
}

func (t *tokenCheckup) shell() powerShell { return newPowerShell(t.upstream.OAuth2, t.claims) }

// key names a setting of the upstream's tokens.
func (t *tokenCheckup) key(name string) string {
	return "upstreams." + t.upstream.Name + ".auth.oauth2" + name
}

// examine asks for a token for each protocol, which mostly is the same one, and reads what it says of itself.
func (t *tokenCheckup) examine(ctx context.Context) {
	t.lacks = map[string]bool{}
	for i, protocol := range served(t.upstream.Upstream) {
		token, err := t.upstream.Tokens.Token(ctx, oauth.Request{Mailbox: t.mailbox, Protocol: protocol})
		if err != nil {
			t.usable = false
			t.add(t.refused(err))
			return
		}
		claims, err := oauth.Decode(token.Value.Reveal())
		if i == 0 {
			t.usable = true
			t.claims = claims
			t.examineToken(token, err)
		}
		if err == nil {
			t.examinePermission(claims, protocol)
		}
	}
}

// longToken is where POP3's front end begins to refuse a token, less some room.
const longToken = 4000

func (t *tokenCheckup) examineToken(token oauth.Token, unread error) {
	length := len(token.Value.Reveal())
	c := good(stepToken, fmt.Sprintf("%d characters", length))
	switch {
	case unread != nil:
		c.Finding, c.Cause = Warning, unread.Error()+", so what it is for cannot be looked at; that alone is no fault"
	case length > longToken && t.upstream.Serves(protocol.POP3):
		c.Finding, c.Cause = Warning, "Exchange Online takes up to 4,096 characters over POP3: "+
			"leave group claims out of the token (App registrations > Token configuration)"
	}
	t.add(c)
	now := time.Now()
	t.warnOfSecret(now)
	if unread == nil {
		t.examineAudience()
		t.examineTenant()
		t.examineApplication()
		t.examineExpiry(now)
	}
}

// warnOfSecret tells that the client secret is near its end, of which tokens say nothing.
func (t *tokenCheckup) warnOfSecret(now time.Time) {
	end := t.upstream.OAuth2.ClientSecretExpires
	if _, due := config.Reminder(end, now); !due {
		return
	}
	t.add(Check{Step: stepToken, Finding: Warning, Detail: "the client secret ends on " + end.Format(time.DateOnly),
		Cause: "make another one and put it into client_secret, and its end into client_secret_expires", Mend: t.shell().newSecret()})
}

func (t *tokenCheckup) examineAudience() {
	cause, takes := "", clouds[t.upstream.OAuth2.Cloud].audiences
	if !slices.Contains(takes, strings.TrimSuffix(t.claims.Audience, "/")) {
		cause = fmt.Sprintf("Exchange Online takes no token for this, only for %s: check cloud and authority of %s, "+
			"and what stands between the bridge and Entra ID", takes[0], t.key(""))
	}
	t.judge(stepAudience, t.claims.Audience, cause)
}

func (t *tokenCheckup) examineTenant() {
	cause, want := "", t.upstream.OAuth2.Tenant
	if isGUID(want) && !strings.EqualFold(want, t.claims.Tenant) {
		cause = fmt.Sprintf("the token is of another tenant than %s (%s): compare both with Entra admin center > Overview",
			t.key(".tenant"), want)
	}
	t.judge(stepTenant, t.claims.Tenant, cause, t.shell().showTenant()...)
}

func (t *tokenCheckup) examineApplication() {
	detail, cause := t.claims.App, ""
	switch want := t.upstream.OAuth2.ClientID; {
	case want != "" && !strings.EqualFold(want, t.claims.App):
		cause = fmt.Sprintf("the token is of another application than %s (%s): compare it with the app registration", t.key(".client_id"), want)
	case t.claims.User != "":
		detail += ", for the user " + t.claims.User
	case t.claims.Object != "":
		detail += ", enterprise application " + t.claims.Object
	}
	t.judge(stepApplication, detail, cause, t.shell().showApplication()...)
}

func (t *tokenCheckup) examineExpiry(now time.Time) {
	left, end := t.claims.Expires.Sub(now).Round(time.Second), t.claims.Expires.UTC().Format(time.RFC3339)
	detail, cause := fmt.Sprintf("in %s, at %s", left, end), ""
	if left <= 0 {
		detail, cause = end, "by this machine's clock the token has ended already: set the clock (NTP)"
	}
	t.judge(stepExpiry, detail, cause)
}

// examinePermission looks for the role of an application, or the scope of a user's token. What mends it gives all permissions
// that are missing, so that it is done once.
func (t *tokenCheckup) examinePermission(claims oauth.Claims, protocol string) {
	want, has, mend := known(protocol).AppRole, claims.Roles, func() []string {
		granted := func(r string) bool { return slices.Contains(claims.Roles, r) }
		return t.shell().grant(slices.DeleteFunc(roles(served(t.upstream.Upstream)), granted))
	}
	if len(claims.Scopes) > 0 {
		want, has, mend = known(protocol).UserScope, claims.Scopes, t.signIn
	}
	c := good(stepRole, want)
	c.Protocol = protocol
	switch {
	case t.unfit != "":
		c.Finding, c.Detail = Skipped, "not looked at, because of the "+t.unfit
	case !slices.Contains(has, want):
		t.lacks[protocol] = true
		c.fail("the permission on Office 365 Exchange Online was not given, or nobody consented: grant it with admin consent", mend()...)
		c.Detail, c.Wait = want+" is missing", true
	}
	t.add(c)
}

func (t *tokenCheckup) signIn() []string {
	return []string{"drawbridge account login " + shellWord(t.mailbox)}
}

var isPlain = regexp.MustCompile(`^[\w.@+-]+$`).MatchString

// shellWord quotes s for a POSIX shell.
func shellWord(s string) string {
	if isPlain(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// refused tells why there is no token.
func (t *tokenCheckup) refused(err error) Check {
	c := bad(stepToken, "", err.Error())
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
	c.fail(strings.ReplaceAll(e.Sentence, "run `drawbridge doctor` and ", ""), t.mend(e)...)
	c.Wait = e.Class == oauth.Consent
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
		return shell.grant(roles(protocol.Names()))
	case t.mailbox != "" && (e.Class == oauth.SignInAgain || e.Class == oauth.Policy && t.upstream.OAuth2.Flow == config.FlowDeviceCode):
		return t.signIn()
	}
	return nil
}
