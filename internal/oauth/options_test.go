package oauth_test

import (
	"bytes"
	"reflect"
	"testing"

	"drawbridge/internal/oauth"
	"drawbridge/internal/secret"
)

func TestNew_TellsWhatIsWrongAndTheMend(t *testing.T) {
	vault := openVault(t, t.TempDir(), nil)
	good := oauth.Options{Name: "eo", Flow: oauth.ClientCredentials, Tenant: tenant, ClientID: "app-1", ClientSecret: secret.New(canarySecret)}
	tests := []struct {
		name  string
		spoil func(o *oauth.Options)
		words []string
	}{
		{"no flow", func(o *oauth.Options) { o.Flow = "" }, []string{"flow", "client_credentials"}},
		{"unknown cloud", func(o *oauth.Options) { o.Cloud = "mars" }, []string{"mars", "gcc-high"}},
		{"no tenant and no id", func(o *oauth.Options) { o.Tenant, o.ClientID = "", "" }, []string{"tenant is missing", "client_id is missing"}},
		{"common", func(o *oauth.Options) { o.Tenant = "Common" }, []string{"names no directory"}},
		{"path in the tenant", func(o *oauth.Options) { o.Tenant = "a/b" }, []string{"neither an id nor a domain"}},
		{"no secret", func(o *oauth.Options) { o.ClientSecret = secret.Secret{} }, []string{"client_secret or client_certificate"}},
		{"both", func(o *oauth.Options) { o.ClientCertificate = []byte("x") }, []string{"one of them"}},
		{"no PEM", func(o *oauth.Options) { o.ClientSecret, o.ClientCertificate = secret.Secret{}, []byte(canarySecret) },
			[]string{"client_certificate", "no certificate in PEM"}},
		{"http", func(o *oauth.Options) { o.Authority = "http://entra.test" }, []string{"https://"}},
		{"path in the authority", func(o *oauth.Options) { o.Authority = "https://entra.test/" + tenant }, []string{"the tenant is added"}},
		{"no root", func(o *oauth.Options) { o.CA = []byte("x") }, []string{"ca: the file holds no certificate"}},
		{"device code with a secret", func(o *oauth.Options) { o.Flow, o.Vault = oauth.DeviceCode, vault }, []string{"neither"}},
		{"device code without a vault", func(o *oauth.Options) { o.Flow, o.ClientSecret = oauth.DeviceCode, secret.Secret{} },
			[]string{"data_dir"}},
		{"password with a certificate", func(o *oauth.Options) { o.Flow, o.ClientCertificate = oauth.Password, []byte("x") },
			[]string{"flow password takes neither", "client_certificate"}},
		{"workload without a file", func(o *oauth.Options) { o.Flow, o.ClientSecret = oauth.WorkloadIdentity, secret.Secret{} },
			[]string{"AZURE_FEDERATED_TOKEN_FILE"}},
	}
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := good
			test.spoil(&o)
			_, err := oauth.New(o)
			if err == nil {
				t.Fatal("it was taken")
			}
			contains(t, err.Error(), append(test.words, "eo")...)
			noCanary(t, err.Error())
		})
	}
}

func TestNew_CertificateOfAnotherKey(t *testing.T) {
	one, other := newClientCertificate(t), newClientCertificate(t)
	certificate, key := one[:indexOf(one, "-----BEGIN PRIVATE")], other[indexOf(other, "-----BEGIN PRIVATE"):]
	_, err := oauth.New(oauth.Options{Name: "eo", Flow: oauth.ClientCredentials, Tenant: tenant, ClientID: "a",
		ClientCertificate: append(append([]byte{}, certificate...), key...)})
	if err == nil {
		t.Fatal("it was taken")
	}
	contains(t, err.Error(), "client_certificate", "made for")
}

// TestNew_TakesWhatValidateTakes: files with two keys, saved by Notepad, or with the CA in front.
func TestNew_TakesWhatValidateTakes(t *testing.T) {
	one, other := newClientCertificate(t), newClientCertificate(t)
	otherKey := other[indexOf(other, "-----BEGIN PRIVATE"):]
	for name, file := range map[string][]byte{"two keys": append(bytes.Clone(otherKey), one...),
		"a byte order mark":         append([]byte("\ufeff"), one...),
		"another certificate first": append(bytes.Clone(other[:len(other)-len(otherKey)]), one...)} {
		o := oauth.Options{Name: "eo", Flow: oauth.ClientCredentials, Tenant: tenant, ClientID: "a", ClientCertificate: file}
		s, err := oauth.New(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.Close()
	}
}

func indexOf(b []byte, s string) int {
	for i := range b {
		if len(b)-i >= len(s) && string(b[i:i+len(s)]) == s {
			return i
		}
	}
	return -1
}

func TestNew_EachCloud(t *testing.T) {
	for _, cloud := range []string{"", "global", "gcc-high", "dod", "china"} {
		s, err := oauth.New(oauth.Options{Name: "eo", Cloud: cloud, Flow: oauth.ClientCredentials, Tenant: tenant, ClientID: "a",
			ClientSecret: secret.New("x")})
		if err != nil {
			t.Errorf("%s: %v", cloud, err)
			continue
		}
		s.Close()
	}
	t.Setenv("IDENTITY_ENDPOINT", "https://127.0.0.1:1")
	t.Setenv("IDENTITY_HEADER", "h")
	t.Setenv("IDENTITY_SERVER_THUMBPRINT", "00")
	if _, err := oauth.New(oauth.Options{Name: "eo", Flow: oauth.ManagedIdentity}); err == nil {
		t.Error("a Service Fabric that cannot work was taken")
	}
}

func TestOptions_EqualOnlyInEverything(t *testing.T) {
	o := oauth.Options{ClientSecret: secret.New("s"), CA: []byte("ca"), Protocols: []string{"imap"}}
	p := oauth.Options{ClientSecret: secret.New("s"), CA: []byte("ca"), Protocols: []string{"imap"}}
	if !o.Equal(p) {
		t.Error("two of the same values are not equal")
	}
	changes := map[string]any{"Vault": &oauth.Vault{}, "ClientSecret": secret.New("t"), "ClientCertificate": []byte("x"), "CA": []byte("x"),
		"Protocols": []string{"pop3"}}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(p)) {
		if !f.IsExported() {
			continue
		}
		changed := p
		if v := reflect.ValueOf(&changed).Elem().FieldByIndex(f.Index); f.Type.Kind() == reflect.String {
			v.SetString("x")
		} else {
			v.Set(reflect.ValueOf(changes[f.Name]))
		}
		if o.Equal(changed) || changed.Equal(o) {
			t.Errorf("another %s makes no difference", f.Name)
		}
	}
}
