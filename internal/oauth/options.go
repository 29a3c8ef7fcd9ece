package oauth

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
)

// Flow is how a Source comes by its tokens.
type Flow string

// The flows. With the first, the fourth and the last the token is the application's own and opens every mailbox it was
// granted; with the others it is a user's.
const (
	ClientCredentials Flow = "client_credentials"
	DeviceCode        Flow = "device_code"
	Password          Flow = "password"
	ManagedIdentity   Flow = "managed_identity"
	WorkloadIdentity  Flow = "workload_identity"
)

// Options say where tokens come from. Plain values; New checks them.
type Options struct {
	Name     string // of the upstream, for sentences
	Flow     Flow
	Cloud    string // "global", "gcc-high", "dod", "china"; empty: global
	Tenant   string // id or domain; not asked for with ManagedIdentity
	ClientID string // of the application; with ManagedIdentity empty means the machine's own identity

	ClientSecret      secret.Secret // ClientCredentials only
	ClientCertificate []byte        // PEM, certificate and unencrypted RSA key; instead of ClientSecret

	Authority string // https://host of an own authority, the tenant is added; empty: the cloud's
	CA        []byte // PEM of further roots, for the authority only
	Resource  string // instead of the cloud's, like https://outlook.office365.com

	TokenFile string   // of WorkloadIdentity; empty: what AZURE_FEDERATED_TOKEN_FILE names
	Protocols []string // what Login asks consent for: protocol.Names; empty: all
	Vault     *Vault   // where DeviceCode keeps refresh tokens

	dial dialer // tests put another network under it
}

// Equal reports whether a Source of o and one of p come by the same tokens, in the same words. Secrets are compared by their
// texts: == would compare where these are.
func (o Options) Equal(p Options) bool {
	return o.Name == p.Name && o.Flow == p.Flow && o.Cloud == p.Cloud && o.Tenant == p.Tenant && o.ClientID == p.ClientID &&
		o.ClientSecret.Reveal() == p.ClientSecret.Reveal() && bytes.Equal(o.ClientCertificate, p.ClientCertificate) &&
		o.Authority == p.Authority && bytes.Equal(o.CA, p.CA) && o.Resource == p.Resource &&
		o.TokenFile == p.TokenFile && slices.Equal(o.Protocols, p.Protocols) && o.Vault == p.Vault
}

// settings are Options checked and completed.
type settings struct {
	Options
	cloud     cloud
	authority *url.URL
	roots     *x509.CertPool // nil: the system's
}

// complete checks o without a network. The error joins every fault, each with its mend.
func (o Options) complete() (settings, error) {
	s := settings{Options: o}
	s.Cloud = cmp.Or(s.Cloud, "global")
	if len(s.Protocols) == 0 {
		s.Protocols = protocol.Names()
	}
	if s.Flow == WorkloadIdentity && s.TokenFile == "" {
		s.TokenFile = os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	}
	err := errors.Join(s.chooseCloud(), s.chooseAuthority(), s.loadRoots(), s.checkIDs(), s.checkCredential())
	if err != nil {
		return settings{}, fmt.Errorf("oauth2 of upstream %s: %w", o.Name, err)
	}
	return s, nil
}

func (s *settings) chooseCloud() error {
	known, ok := clouds[s.Cloud]
	if !ok {
		return fmt.Errorf("cloud %q is unknown, use global, gcc-high, dod or china", s.Cloud)
	}
	if s.Resource != "" {
		known.application, known.delegated = s.Resource, s.Resource
	}
	s.cloud = known
	return nil
}

func (s *settings) chooseAuthority() error {
	u, err := url.Parse(cmp.Or(s.Authority, s.cloud.authority))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return errors.New("authority must be https:// and a host, without a path: the tenant is added")
	}
	u.Path = ""
	s.authority = u
	return nil
}

func (s *settings) loadRoots() error {
	if len(s.CA) == 0 {
		return nil
	}
	roots, err := pemfile.Roots(s.CA)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	s.roots = roots
	return nil
}

func (s *settings) checkIDs() error {
	if s.Flow == ManagedIdentity {
		return nil
	}
	var faults []error
	switch strings.ToLower(s.Tenant) {
	case "":
		faults = append(faults, errors.New("tenant is missing, give the directory's id or domain"))
	case "common", "organizations", "consumers":
		faults = append(faults, fmt.Errorf("tenant %q names no directory, give its id or domain", s.Tenant))
	}
	if strings.ContainsAny(s.Tenant, "/?#%\\ ") {
		faults = append(faults, errors.New("tenant is neither an id nor a domain, give the directory's id or domain"))
	}
	if s.ClientID == "" {
		faults = append(faults, errors.New("client_id is missing, give the application (client) id of the app registration"))
	}
	return errors.Join(faults...)
}

// checkCredential tells what a flow lacks, and what it would silently ignore.
func (s *settings) checkCredential() error {
	secret, certificate := !s.ClientSecret.Empty(), len(s.ClientCertificate) > 0
	switch s.Flow {
	case ClientCredentials:
		if secret == certificate {
			return errors.New("flow client_credentials takes client_secret or client_certificate, give one of them")
		}
		return nil
	case Password, DeviceCode, ManagedIdentity, WorkloadIdentity:
		switch {
		case secret || certificate:
			return fmt.Errorf("flow %s takes neither client_secret nor client_certificate, remove it", s.Flow)
		case s.Flow == DeviceCode && s.Vault == nil:
			return errors.New("flow device_code needs a place for refresh tokens, set data_dir")
		case s.Flow == WorkloadIdentity && s.TokenFile == "":
			return errors.New("flow workload_identity needs a token file: AZURE_FEDERATED_TOKEN_FILE is not set, " +
				"label the pod azure.workload.identity/use: \"true\"")
		}
		return nil
	}
	return fmt.Errorf("flow %q is unknown, use client_credentials, device_code, password, managed_identity or workload_identity", s.Flow)
}

// tenantURL is the authority with the tenant added, as MSAL wants it.
func (s *settings) tenantURL() string { return s.authority.String() + "/" + s.Tenant }

// delegatedScopes are what a user's token for protocols asks for.
func (s *settings) delegatedScopes(protocols ...string) []string {
	scopes := make([]string, 0, len(protocols))
	for _, p := range protocols {
		known, _ := protocol.Of(p)
		scopes = append(scopes, s.cloud.delegated+"/"+known.UserScope) // MSAL adds offline_access, openid and profile
	}
	return scopes
}

// cloud is one of Microsoft's separate worlds: who issues tokens, and for what.
type cloud struct {
	authority   string // of Entra ID
	application string // the resource of tokens for the application itself
	delegated   string // the resource of tokens for a user
}

// clouds are the values of Options.Cloud. Microsoft documents the scopes of the worldwide cloud only; those of the
// others follow its pattern, Options.Resource replaces them.
var clouds = map[string]cloud{
	"global":   {"https://login.microsoftonline.com", "https://outlook.office365.com", "https://outlook.office.com"},
	"gcc-high": {"https://login.microsoftonline.us", "https://outlook.office365.us", "https://outlook.office365.us"},
	"dod":      {"https://login.microsoftonline.us", "https://outlook-dod.office365.us", "https://outlook-dod.office365.us"},
	"china":    {"https://login.partner.microsoftonline.cn", "https://partner.outlook.cn", "https://partner.outlook.cn"},
}
