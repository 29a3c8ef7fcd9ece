package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// section is one part of an INI file as Python's configparser reads it.
type section struct {
	name string
	line int
	keys map[string]string // by their names in lower case
}

// ImportEmailOAuth2Proxy reads the configuration of github.com/simonrob/email-oauth2-proxy. Each section named like an
// address becomes an account with that login and mailbox. It has no password: that proxy keeps none, its clients'
// passwords only encrypt the tokens, which are not taken over. Until one is added, or Entra ID checks passwords (flow
// password), a Book takes no such account. Notes say what was left out. The error joins all faults, each with its line.
func ImportEmailOAuth2Proxy(r io.Reader) (Import, error) {
	text, err := readImport(r)
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
	if strings.HasPrefix(s.name, "@") {
		t.note("line %d: [%s] is for all addresses: add an account \"*%s\" with its mailboxes and sources yourself", s.line, s.name, s.name)
		return
	}
	host, tenant := authorityOf(s.keys["token_url"])
	if host != "" && !isMicrosoft(host) {
		t.note("line %d: %s was left out: it gets its tokens from %s, and Drawbridge logs in to Exchange Online", s.line, s.name, host)
		return
	}
	t.rows = append(t.rows, csvRow{line: s.line, account: Account{Login: s.name, Mailbox: s.name}})
	t.secrets = t.secrets || s.keys["client_secret"] != "" || s.keys["client_secret_encrypted"] != ""
	if app := application(tenant, s.keys["client_id"]); app != "" && len(t.apps) < maxApps && !slices.Contains(t.apps, app) {
		t.apps = append(t.apps, app)
	}
}

// application tells which application the accounts used, to be written into the configuration.
func application(tenant, client string) string {
	if client == "" || strings.Contains(client, "***") { // as the sample file has it
		return ""
	}
	return fmt.Sprintf("tenant %q, client_id %q", tenant, client)
}

// authorityOf takes the host and the tenant from https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.
func authorityOf(tokenURL string) (host, tenant string) {
	u, err := url.Parse(tokenURL)
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

// parseINI reads sections and keys. Comments stand on lines of their own; an indented line goes on with the value above.
func parseINI(text []byte) ([]section, error) {
	var p iniParser
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		p.line(line, strings.TrimRight(string(raw), "\r\n"))
	}
	return p.sections, errors.Join(p.wrong...)
}

type iniParser struct {
	sections []section
	wrong    []error
	inValue  bool
}

func (p *iniParser) fault(line int, format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (p *iniParser) line(n int, raw string) {
	text := strings.TrimSpace(raw)
	indented := raw != "" && (raw[0] == ' ' || raw[0] == '\t')
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
	case indented && p.inValue:
	case text[0] == '[':
		p.header(n, text)
	default:
		p.key(n, text)
	}
}

func (p *iniParser) header(n int, text string) {
	p.inValue = false
	end := strings.LastIndexByte(text, ']')
	if end <= 1 {
		p.fault(n, "a section is written [name]")
		return
	}
	p.sections = append(p.sections, section{name: text[1:end], line: n, keys: make(map[string]string)})
}

// key reads one key and its value. No fault quotes it, since it may be a secret.
func (p *iniParser) key(n int, text string) {
	end := strings.IndexAny(text, "=:")
	switch {
	case len(p.sections) == 0:
		p.fault(n, "it stands before the first [section]: is this email-oauth2-proxy's configuration?")
	case end <= 0:
		p.fault(n, "it is neither a [section] nor key = value")
	default:
		name := fold(strings.TrimSpace(text[:end]))
		p.sections[len(p.sections)-1].keys[name] = strings.TrimSpace(text[end+1:])
		p.inValue = true
	}
}
