package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/secret"
)

// The flows that a token can come by.
const (
	FlowClientCredentials = "client_credentials"
	FlowDeviceCode        = "device_code"
	FlowPassword          = "password"
	FlowManagedIdentity   = "managed_identity"
	FlowWorkloadIdentity  = "workload_identity"
)

// The values of Upstream.Auth.
const (
	AuthPassthrough = "passthrough"
	AuthOAuth2      = "oauth2"
)

// OAuth2 says how tokens for an upstream are asked of Entra ID, or of another authority.
type OAuth2 struct {
	// How a token is come by: client_credentials (an application that may open mailboxes), device_code (a person signs
	// in once, with drawbridge account login), password (the device's own password goes to Entra ID), managed_identity
	// (a machine in Azure) or workload_identity (a federated token, in Kubernetes).
	Flow string `yaml:"flow" jsonschema:"enum=client_credentials,enum=device_code,enum=password,enum=managed_identity,enum=workload_identity"`

	// Whose Entra ID and Exchange Online it is: global (GCC too), gcc-high, dod or china.
	Cloud string `yaml:"cloud" jsonschema:"enum=global,enum=gcc-high,enum=dod,enum=china"`

	// The tenant's id or one of its domains; with device_code also common, organizations or consumers, with password
	// also organizations. Required, but with managed_identity; with workload_identity AZURE_TENANT_ID stands in for it.
	Tenant string `yaml:"tenant,omitempty" jsonschema:"minLength=1"`

	// The application's id (a GUID). Required, but with managed_identity, where it chooses a user-assigned identity;
	// with workload_identity AZURE_CLIENT_ID stands in for it.
	ClientID string `yaml:"client_id,omitempty" jsonschema:"pattern=^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"`

	// The application's secret, as a value, {file: PATH} or {env: NAME}. With client_credentials it, or
	// client_certificate, is required.
	ClientSecret secret.Secret `yaml:"client_secret,omitempty"`

	// Instead of client_secret: the application's certificate.
	ClientCertificate *ClientCertificate `yaml:"client_certificate,omitempty"`

	// When client_secret ends: a time, or a date, which begins at 00:00 in timezone. Tokens do not tell; it is warned of
	// 60, 30, 7 and 1 days ahead.
	ClientSecretExpires time.Time `yaml:"client_secret_expires,omitempty"`

	// An authority of one's own, as https://host, to which the tenant is added; "": that of the cloud.
	Authority string `yaml:"authority"`

	// The path of a PEM file with a root for the authority, in addition to the system's; "": none.
	CA string `yaml:"ca"`

	// The text of the file that CA names; nil without one. Not a key.
	CAPEM []byte `yaml:"-"`

	// The path of the token that workload_identity presents, from AZURE_FEDERATED_TOKEN_FILE. It changes; read it
	// each time. Empty with other flows. Not a key.
	TokenFile string `yaml:"-"`
}

// ClientCertificate is what an application proves itself with instead of a secret.
type ClientCertificate struct {
	// The path of a PEM file with the certificate and its RSA key, which is not encrypted.
	File string `yaml:"file" jsonschema:"required,minLength=1"`

	// The text of the file. Not a key.
	PEM secret.Secret `yaml:"-"`
}

func defaultOAuth2() *OAuth2 { return &OAuth2{Flow: FlowClientCredentials, Cloud: "global"} }

func authWord(text string) (string, *mistake) {
	switch text {
	case AuthPassthrough:
		return text, nil
	case AuthOAuth2:
		return "", wrong("write auth: {oauth2: {tenant: …, client_id: …, client_secret: {file: …}}}", "oauth2 needs its keys")
	}
	return "", wrong("write passthrough, or oauth2: and its keys below auth", "%s is not a value of this key", quoted(text))
}

func (a *OAuth2) read(o *object) {
	flows := oneOf(FlowClientCredentials, FlowDeviceCode, FlowPassword, FlowManagedIdentity, FlowWorkloadIdentity)
	if !scalar(o, "flow", &a.Flow, flows) {
		a.Flow = "" // what else must stand depends on it, and is not known
	}
	scalar(o, "cloud", &a.Cloud, cloud)
	scalar(o, "tenant", &a.Tenant, tenant)
	scalar(o, "client_id", &a.ClientID, guid)
	o.use("client_secret", a.readClientSecret)
	o.group("client_certificate", func(o *object) {
		a.ClientCertificate = &ClientCertificate{}
		a.ClientCertificate.read(o)
	})
	scalar(o, "client_secret_expires", &a.ClientSecretExpires, o.d.moment)
	scalar(o, "authority", &a.Authority, maybe(authority))
	o.readCA(&a.CA, &a.CAPEM)
	if a.Flow != "" {
		a.checkFlow(o)
	}
	if a.Flow != FlowManagedIdentity { // which asks its own machine
		o.checkProxy()
	}
	o.d.warnOfEnd(o.path+".client_secret_expires", "client_secret", a.ClientSecretExpires,
		"make a new secret in the app registration and write it and its date here")
}

func (a *OAuth2) readClientSecret(v value) {
	if v.secret(&a.ClientSecret, anySecret) && guidForm.MatchString(a.ClientSecret.Reveal()) {
		v.d.warnIn(v.path, wrong("write the column Value of the app registration, not Secret ID", "this looks like the id of a secret"))
	}
}

var guidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

var guid = textThat(guidForm.MatchString,
	"write the Application (client) ID, such as 00000000-0000-0000-0000-000000000000", "%s is no GUID")

func cloud(text string) (string, *mistake) {
	if strings.EqualFold(text, "gcc") {
		return "", wrong("write global: GCC is there", "%s is not a value of this key", quoted(text))
	}
	return oneOf("global", "gcc-high", "dod", "china")(text)
}

// sharedTenants are the words that stand for many tenants.
func sharedTenants() []string { return []string{"common", "organizations", "consumers"} }

// tenant reads a GUID, a domain, or a word for many tenants, which the flow must allow.
func tenant(text string) (string, *mistake) {
	domain := isHostName(text) && strings.Contains(text, ".") && !strings.HasSuffix(text, ".")
	if guidForm.MatchString(text) || domain || slices.Contains(sharedTenants(), text) {
		return text, nil
	}
	mend := "write the Directory (tenant) ID, or a domain such as contoso.onmicrosoft.com"
	if isHostName(text) && !strings.Contains(text, ".") {
		mend = "write " + text + ".onmicrosoft.com or the Directory (tenant) ID"
	}
	return "", wrong(mend, "%s is neither a tenant's id nor a domain", quoted(text))
}

// authority reads https://host or https://host:port; the tenant is added to it.
func authority(text string) (string, *mistake) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || !isHost(u.Hostname()) || u.User != nil || u.Port() != "" && !isPort(u.Port(), 1):
		return "", wrong("write https://host", "this is no https address of a host")
	case text != "https://"+u.Host:
		return "", wrong("write https://"+u.Host, "something stands behind the host, and the tenant is added to it")
	}
	return text, nil
}
