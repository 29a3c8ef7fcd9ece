package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/secret"
)

func TestParse_OAuth2(t *testing.T) {
	c, err := config.Parse("testdata/good-accounts.yaml", read(t, "testdata/good-accounts.yaml"), machine)
	if err != nil {
		t.Fatal(err)
	}
	const id = "11111111-2222-3333-4444-555555555555"
	for i, want := range []*config.OAuth2{
		{Flow: config.FlowClientCredentials, Cloud: "global", Tenant: "contoso.onmicrosoft.com", ClientID: id,
			ClientSecretExpires: time.Date(2027, 5, 1, 0, 0, 0, 0, zone(t, "Asia/Tokyo"))},
		{Flow: config.FlowPassword, Cloud: "dod", Tenant: id, ClientID: id, Authority: "https://127.0.0.1:8443"},
		{Flow: config.FlowDeviceCode, Cloud: "china", Tenant: "common", ClientID: id},
		{Flow: config.FlowManagedIdentity, Cloud: "gcc-high"},
	} {
		u := c.Upstreams[i]
		equal(t, u.Name+", auth", u.Auth, "oauth2")
		got := *u.OAuth2
		got.ClientSecret = secret.Secret{}
		equal(t, u.Name, &got, want)
	}
	equal(t, "client_secret", c.Upstreams[0].OAuth2.ClientSecret.Reveal(), "of the application")
	equal(t, "passthrough", c.Upstreams[4].Auth, "passthrough")
	if c.Upstreams[4].OAuth2 != nil {
		t.Error("passthrough has keys of oauth2")
	}
}

func withKeys(keys string) string {
	return "upstreams: {x: {imap: 'a.local:993', pop3: 'a.local:995', auth: {oauth2: {" + keys + "}}}}"
}

func TestParse_OAuth2_Forms(t *testing.T) {
	const ids = "tenant: contoso.com, client_id: 11111111-2222-3333-4444-555555555555, "
	const path = "upstreams.x.auth.oauth2"
	for _, test := range []struct{ name, keys, fault string }{
		{"upper case", "tenant: CONTOSO.com, client_id: AAAAAAAA-2222-3333-4444-555555555555, client_secret: x", ""},
		{"a tenant by its id", "tenant: aaaaaaaa-2222-3333-4444-555555555555, client_id: 11111111-2222-3333-4444-555555555555, client_secret: x",
			""},
		{"a tenant with a dot at its end", "tenant: contoso.com., client_id: 11111111-2222-3333-4444-555555555555, client_secret: x",
			path + ".tenant"},
		{"an address for a tenant", "tenant: 'https://contoso.com', client_id: 11111111-2222-3333-4444-555555555555, client_secret: x",
			path + ".tenant"},
		{"a tenant of many with a secret", "tenant: organizations, client_id: 11111111-2222-3333-4444-555555555555, client_secret: x",
			path + ".tenant"},
		{"organizations with password", "flow: password, tenant: organizations, client_id: 11111111-2222-3333-4444-555555555555", ""},
		{"common with password", "flow: password, tenant: common, client_id: 11111111-2222-3333-4444-555555555555", path + ".tenant"},
		{"consumers with device_code", "flow: device_code, tenant: consumers, client_id: 11111111-2222-3333-4444-555555555555", ""},
		{"managed_identity with an id", "flow: managed_identity, client_id: 11111111-2222-3333-4444-555555555555", ""},
		{"managed_identity with a tenant", "flow: managed_identity, tenant: contoso.com", ""},
		{"managed_identity with a tenant of many", "flow: managed_identity, tenant: common", path + ".tenant"},
		{"managed_identity with nothing", "flow: managed_identity, authority: '', ca: ''", ""},
		{"a short GUID", "tenant: contoso.com, client_id: 1111, client_secret: x", path + ".client_id"},
		{"GCC by its name", ids + "cloud: GCC, client_secret: x", path + ".cloud"},
		{"an authority with a port", ids + "client_secret: x, authority: 'https://login.example.com:8443'", ""},
		{"an authority with a slash", ids + "client_secret: x, authority: 'https://login.example.com/'", path + ".authority"},
		{"an authority with a query", ids + "client_secret: x, authority: 'https://login.example.com?x'", path + ".authority"},
		{"an authority with a fragment", ids + "client_secret: x, authority: 'https://login.example.com#x'", path + ".authority"},
		{"an authority with a name", ids + "client_secret: x, authority: 'https://a@login.example.com'", path + ".authority"},
		{"an authority without a host", ids + "client_secret: x, authority: 'https://'", path + ".authority"},
		{"an authority with a wrong port", ids + "client_secret: x, authority: 'https://login.example.com:0'", path + ".authority"},
		{"a host for an authority", ids + "client_secret: x, authority: login.example.com", path + ".authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.fault == "" {
				parse(t, withKeys(test.keys))
				return
			}
			equal(t, "key of the fault", refused(t, withKeys(test.keys)).Key, test.fault)
		})
	}
}

func TestParse_OAuth2_SecretOfAFile(t *testing.T) {
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	text := withKeys("tenant: contoso.com, client_id: 11111111-2222-3333-4444-555555555555, client_secret: {file: secret}")
	write(t, secret, []byte("hunter2\n"), 0o640)
	c, err := in(folder, text)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "secret", c.Upstreams[0].OAuth2.ClientSecret.Reveal(), "hunter2")
	write(t, secret, []byte("hunter2\n"), 0o644)
	if _, err = in(folder, text); err == nil || !strings.Contains(err.Error(), "client_secret: "+secret+" can be read by everybody") {
		t.Errorf("a file that everybody can read: %v", err)
	}
}

func TestParse_OAuth2_Certificate(t *testing.T) {
	folder := t.TempDir()
	certificate, key := pair(t, folder, "one")
	_, other := pair(t, folder, "two")
	both := append(append([]byte{}, certificate...), key...)
	file := filepath.Join(folder, "app.pem")
	text := withKeys("tenant: contoso.com, client_id: 11111111-2222-3333-4444-555555555555, client_certificate: {file: app.pem}")
	write(t, file, both, 0o600)
	env := machine
	env.Now = time.Now()
	c, err := config.Parse(filepath.Join(folder, "drawbridge.yaml"), []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Upstreams[0].OAuth2.ClientCertificate
	equal(t, "path", got.File, file)
	equal(t, "text", got.PEM.Reveal(), string(both))
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "the certificate ends on") {
		t.Errorf("warnings: %q", c.Warnings)
	}
	for name, data := range map[string]string{"saved by Notepad": utf16Of(string(both)), "a byte order mark": "\ufeff" + string(both),
		"two keys": string(other) + string(both)} {
		write(t, file, []byte(data), 0o600)
		if _, err := in(folder, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	for _, test := range []struct {
		name string
		data []byte
		says string
	}{
		{"the certificate alone", certificate, "a certificate and no key"},
		{"the key alone", key, "a key and no certificate"},
		{"another's key", append(append([]byte{}, certificate...), other...), "do not belong together"},
		{"a locked key", append(append([]byte{}, certificate...), locked...), "is encrypted"},
		{"an EC key", ecPair(t), "the key is not RSA"},
		{"no PEM", []byte{0x30, 0x82}, "openssl pkcs12"},
	} {
		write(t, file, test.data, 0o600)
		if _, err := in(folder, text); err == nil || !strings.Contains(err.Error(), "client_certificate.file: ") ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
	write(t, file, both, 0o644)
	if _, err := in(folder, text); err == nil || !strings.Contains(err.Error(), "can be read by everybody") {
		t.Errorf("a file that everybody can read: %v", err)
	}
	if _, err := in(folder, strings.Replace(text, "file: app.pem", "", 1)); err == nil || !strings.Contains(err.Error(), `"file" is missing`) {
		t.Errorf("no file: %v", err)
	}
}

// ecPair returns a certificate and its key on P-256.
func ecPair(t *testing.T) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}

func TestParse_OAuth2_WorkloadIdentity(t *testing.T) {
	folder := t.TempDir()
	token := filepath.Join(folder, "token")
	write(t, token, []byte("a.b.c"), 0o600)
	webhook := map[string]string{"AZURE_FEDERATED_TOKEN_FILE": token, "AZURE_TENANT_ID": "contoso.com",
		"AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555"}
	parsed := func(keys string, changes map[string]string) (*config.Config, error) {
		env := machine
		env.Lookup = func(name string) (string, bool) {
			text, ok := changes[name]
			if !ok {
				text, ok = webhook[name]
			}
			return text, ok
		}
		return config.Parse("drawbridge.yaml", []byte(withKeys("flow: workload_identity"+keys)), env)
	}
	c, err := parsed("", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "of the environment", c.Upstreams[0].OAuth2, &config.OAuth2{Flow: config.FlowWorkloadIdentity, Cloud: "global",
		Tenant: "contoso.com", ClientID: "11111111-2222-3333-4444-555555555555", TokenFile: token})
	c, err = parsed(", tenant: fabrikam.com, client_id: 99999999-2222-3333-4444-555555555555", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "of the file", []string{c.Upstreams[0].OAuth2.Tenant, c.Upstreams[0].OAuth2.ClientID},
		[]string{"fabrikam.com", "99999999-2222-3333-4444-555555555555"})
	for _, test := range []struct {
		name, keys string
		changes    map[string]string
		says       string
	}{
		{"no token", "", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": token + "2"},
			"environment variable AZURE_FEDERATED_TOKEN_FILE: " + token + "2 does not exist"},
		{"no variable", "", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": ""}, "AZURE_FEDERATED_TOKEN_FILE is not set"},
		{"no tenant", "", map[string]string{"AZURE_TENANT_ID": ""}, `"tenant" is missing`},
		{"a wrong id", "", map[string]string{"AZURE_CLIENT_ID": "x"},
			`environment variable AZURE_CLIENT_ID: "x" is no GUID; write client_id: here, or mend the variable`},
		{"many tenants", ", tenant: common", nil, "needs one tenant"},
		{"a secret", ", client_secret: x", nil, "client_secret: flow workload_identity does not use it"},
	} {
		if _, err := parsed(test.keys, test.changes); err == nil || !strings.Contains(err.Error(), test.says) ||
			strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v, want %q alone", test.name, err, test.says)
		}
	}
}

func TestParse_TokenKeyOfAVariable(t *testing.T) {
	env := machine
	env.Lookup = func(name string) (string, bool) { return "thirty-two bytes are enough, here", name == "TOKEN_KEY" }
	c, err := config.Parse("drawbridge.yaml", []byte("token_key: {env: TOKEN_KEY}"), env)
	if err != nil || c.TokenKey.Reveal() != "thirty-two bytes are enough, here" {
		t.Errorf("%v, %v", c, err)
	}
	equal(t, "default", config.Default().TokenKey.Reveal(), "")
}

func TestParse_HTTPSProxyThatNamesNone(t *testing.T) {
	const ids = "tenant: contoso.com, client_id: 11111111-2222-3333-4444-555555555555, "
	const canary = "http://user:hunter2%zx@127.0.0.1:3128"
	acme := "certificates:\n  - acme: {names: [bridge.contoso.com]}\n"
	for _, test := range []struct{ name, text, variable, value, says, warns string }{
		{"oauth2", withKeys(ids + "client_secret: x"), "HTTPS_PROXY", canary, "auth.oauth2: environment variable HTTPS_PROXY names no proxy", ""},
		{"lower case", withKeys(ids + "client_secret: x"), "https_proxy", canary, "environment variable https_proxy names no proxy", ""},
		{"a user's flow", withKeys(ids + "flow: password"), "HTTPS_PROXY", canary, "HTTPS_PROXY names no proxy", ""},
		{"the machine's own identity", withKeys("flow: managed_identity"), "HTTPS_PROXY", canary, "", ""},
		{"acme", acme, "HTTPS_PROXY", canary, "certificates[0].acme: environment variable HTTPS_PROXY names no proxy", ""},
		{"nobody who asks", "name: bridge-1\n", "HTTPS_PROXY", canary, "", ""},
		{"a proxy", withKeys(ids + "client_secret: x"), "HTTPS_PROXY", "http://proxy:3128", "", ""},
		{"another variable", withKeys(ids + "client_secret: x"), "ALL_PROXY", "socks5://user:hunter2@proxy", "", "ALL_PROXY is not used"},
		{"another variable, acme", acme, "all_proxy", "socks5://user:hunter2@proxy", "", "all_proxy is not used"},
	} {
		env := machine
		env.Lookup = func(name string) (string, bool) { return test.value, name == test.variable }
		c, err := config.Parse("drawbridge.yaml", []byte(test.text), env)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the variable is quoted: %v", test.name, err)
		}
		if c == nil {
			continue
		}
		warnings := strings.Join(c.Warnings, "\n")
		if !strings.Contains(warnings, test.warns) || strings.Contains(warnings, "hunter2") {
			t.Errorf("%s: warnings: %s", test.name, warnings)
		}
	}
}

func TestParse_ExternalAccount(t *testing.T) {
	for keys, says := range map[string]string{
		"{id: kid-1, key: zWNDZM6e_w}":         "",
		"{id: kid-1, key: 'zWNDZM6e/w=='}":     "",
		"{id: kid-1, key: {env: HMAC}}":        "",
		"{id: kid-1}":                          `external_account: "key" is missing`,
		"{key: zWNDZM6e_w}":                    `external_account: "id" is missing`,
		"{id: 'kid 1', key: zWNDZM6e_w}":       "external_account.id",
		"{id: kid-1, key: 'hunter2 is none'}":  "external_account.key: this is no key in base64",
		"{id: kid-1, key: {env: NONE}}":        "external_account.key",
		"{id: kid-1, key: zWNDZM6e_w, mac: x}": "external_account.mac",
	} {
		env := machine
		env.Lookup = func(name string) (string, bool) { return "zWNDZM6e_w", name == "HMAC" }
		c, err := config.Parse("drawbridge.yaml",
			[]byte("certificates:\n  - acme: {names: [bridge.contoso.com], external_account: "+keys+"}\n"), env)
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: got %v, want %q", keys, err, says)
		}
		if says != "" {
			continue
		}
		if x := c.Certificates[0].ACME.ExternalAccount; x.ID != "kid-1" || x.Key.Empty() {
			t.Errorf("%s: %+v", keys, x)
		}
	}
}
