package accounts

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// ImportEmailOAuth2Proxy reads the configuration of github.com/simonrob/email-oauth2-proxy. Each section named like an
// address becomes an account with that login and mailbox. It has no password: that proxy keeps none, its clients'
// passwords only encrypt the tokens, which are not taken over. Until one is added, or Entra ID checks passwords (flow
// password), a Book takes no such account. Notes say what was left out. The error joins all faults, each with its line.
func ImportEmailOAuth2Proxy(r io.Reader) (Import, error) {
	text, _, err := readImport(r)
	if err != nil {
		return Import{}, err
	}
	sections, err := parseINI(text)
	if err != nil {
		return Import{}, err
	}
	var t takeover
	for _, s := range sections {
		if strings.Contains(s.name, "@") {
			t.account(s)
			continue
		}
		t.other(s)
	}
	if err := checkRows(t.rows); err != nil {
		return Import{}, err
	}
	return Import{Accounts: accountsOf(t.rows), Notes: t.summary()}, nil
}

// maxApps is how many applications are told of: an organization has one or two.
const maxApps = 20

// takeover collects what becomes of the sections.
type takeover struct {
	rows    []csvRow
	apps    []string // tenant and application, each once, maxApps at most
	notes   []string
	secrets bool
}

func (t *takeover) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *takeover) account(s section) {
	host, tenant := authorityOf(s)
	if why := whyLeftOut(s, host, tenant); why != "" {
		t.note("line %d: %s was left out: %s", s.line, s.name, why)
		return
	}
	t.secrets = t.secrets || s.keys["client_secret"] != "" || s.keys["client_secret_encrypted"] != ""
	t.application(tenant, s.keys["client_id"])
	switch domain, catchAll := strings.CutPrefix(s.name, "@"); {
	case catchAll && domain == "":
		t.note("line %d: [@] is for every address of every domain, which no account is: add one for each domain, its pattern with its mailboxes "+
			"and sources, yourself", s.line)
	case catchAll:
		t.note("line %d: [%s] is for all addresses: add an account \"*%s\" with its mailboxes and sources yourself", s.line, s.name, s.name)
	default:
		t.rows = append(t.rows, csvRow{line: s.line, account: Account{Login: s.name, Mailbox: s.name}})
	}
}

// whyLeftOut says why a section is none of Exchange Online's; empty: it is.
func whyLeftOut(s section, host, tenant string) string {
	switch {
	case host != "" && !isMicrosoft(host):
		return "it gets its tokens from " + host + ", and Drawbridge logs in to Exchange Online"
	case strings.Contains(s.keys["client_id"], "***") || strings.HasPrefix(fold(s.name), "your."):
		return "it is as the template has it, with words to be replaced"
	case tenant == "consumers":
		return "it is a personal account of Outlook.com, and Drawbridge logs in to an organization's Exchange Online"
	}
	return ""
}

// application notes which application the accounts used, to be written into the configuration.
func (t *takeover) application(tenant, client string) {
	if client == "" || len(t.apps) == maxApps {
		return
	}
	app := fmt.Sprintf("tenant %q, client_id %q", tenant, client)
	switch tenant {
	case "":
		app = fmt.Sprintf("client_id %q", client)
	case "common", "organizations":
		app = fmt.Sprintf("client_id %q (in place of the tenant %q write your organization's)", client, tenant)
	}
	if !slices.Contains(t.apps, app) {
		t.apps = append(t.apps, app)
	}
}

// authorityOf takes the host and the tenant from token_url, https://login.microsoftonline.com/TENANT/oauth2/v2.0/token; where there is
// none the scope may tell that it is Google's.
func authorityOf(s section) (host, tenant string) {
	const google = "mail.google.com"
	if s.keys["token_url"] == "" && strings.Contains(s.keys["oauth2_scope"], google) {
		return google, ""
	}
	u, err := url.Parse(s.keys["token_url"])
	if err != nil {
		return "", ""
	}
	tenant, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return fold(u.Hostname()), tenant
}

// isMicrosoft reports whether a host is an authority of Entra ID, of whichever cloud.
func isMicrosoft(host string) bool {
	return slices.Contains([]string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "login.microsoftonline.us",
		"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"}, host)
}

func (t *takeover) other(s section) {
	if server := s.keys["server_address"]; server != "" {
		t.note("line %d: the server [%s] to %s was left out: listeners and upstreams stand in drawbridge.yaml", s.line, s.name, server)
	}
	if s.keys["local_certificate_path"] != "" {
		t.note("line %d: the certificate of [%s] was left out: name it under certificates in drawbridge.yaml", s.line, s.name)
	}
}

func (t *takeover) summary() []string {
	if n := len(t.rows); n > 0 {
		t.note("%d accounts have no password: email-oauth2-proxy keeps none. Give each the one its device has, or a new one", n)
		t.note("tokens were left out: they are encrypted with the devices' passwords, and Drawbridge gets its own")
	}
	if t.secrets {
		t.note("client secrets were left out: name a file with one as client_secret in drawbridge.yaml")
	}
	for _, app := range t.apps {
		t.note("the accounts used %s: set it under upstreams in drawbridge.yaml", app)
	}
	return t.notes
}
