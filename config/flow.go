package config

import (
	"crypto/rsa"
	"slices"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/secret"
)

// checkFlow judges which keys stand beside a flow: those it needs, and none that it would not use.
func (a *OAuth2) checkFlow(o *object) {
	switch a.Flow {
	case FlowClientCredentials:
		a.checkIDs(o)
		a.checkCredential(o)
		return
	case FlowDeviceCode:
		a.checkIDs(o, sharedTenants()...)
	case FlowPassword:
		a.checkIDs(o, "organizations")
	case FlowWorkloadIdentity:
		a.takeIDs(o)
		a.checkIDs(o)
		a.checkTokenFile(o)
	case FlowManagedIdentity:
		a.checkTenant(o)
		a.refuse(o, "authority", a.Authority != "", "delete it: the machine's own identity service is asked")
		a.refuse(o, "ca", a.CA != "", "delete it: the machine's own identity service is asked")
	}
	mend := "delete it, or write flow: client_credentials"
	if a.Flow == FlowDeviceCode || a.Flow == FlowPassword {
		mend = `delete it, and switch on "Allow public client flows" in the app registration`
	}
	for _, key := range []string{"client_secret", "client_certificate", "client_secret_expires"} {
		a.refuse(o, key, o.given(key), mend)
	}
}

func (a *OAuth2) refuse(o *object, key string, stands bool, mend string) {
	if stands {
		o.faultIn(key, wrong(mend, "flow %s does not use it", a.Flow))
	}
}

// checkIDs judges tenant and client_id where both are needed, and tenant may be one of some words.
func (a *OAuth2) checkIDs(o *object, words ...string) {
	if a.Tenant == "" {
		o.required("tenant", "contoso.onmicrosoft.com")
	}
	if a.ClientID == "" {
		o.required("client_id", "the Application (client) ID")
	}
	a.checkTenant(o, words...)
}

// checkTenant refuses a word for many tenants that the flow does not know.
func (a *OAuth2) checkTenant(o *object, words ...string) {
	if slices.Contains(sharedTenants(), a.Tenant) && !slices.Contains(words, a.Tenant) {
		o.faultIn("tenant", wrong("write the Directory (tenant) ID, or a domain such as contoso.onmicrosoft.com",
			"flow %s needs one tenant, and %s stands for many", a.Flow, a.Tenant))
	}
}

// checkCredential wants exactly one of secret and certificate.
func (a *OAuth2) checkCredential(o *object) {
	secret, certificate := o.given("client_secret"), o.given("client_certificate")
	switch {
	case secret && certificate:
		o.faultIn("client_certificate", wrong("keep one of the two", "client_secret stands here too"))
	case !secret && !certificate:
		o.fault(wrong("write client_secret: {file: PATH} or client_certificate: {file: PATH}",
			"neither client_secret nor client_certificate stands here"))
	}
	if !secret && o.given("client_secret_expires") {
		o.faultIn("client_secret_expires", wrong("delete it: a certificate tells its own end", "no client_secret stands here"))
	}
}

// takeIDs fills in what Azure's webhook for workload identities puts into a container's environment.
func (a *OAuth2) takeIDs(o *object) {
	takeID(o, "tenant", "AZURE_TENANT_ID", &a.Tenant, tenant)
	takeID(o, "client_id", "AZURE_CLIENT_ID", &a.ClientID, guid)
}

func takeID(o *object, key, variable string, into *string, parse parser) {
	text := o.d.env.variable(variable)
	if o.given(key) || text == "" {
		return
	}
	id, m := parse(text)
	if m != nil {
		o.faultIn(key, wrong("write "+key+": here, or mend the variable", "environment variable %s: %s", variable, m.problem))
		id = text // so that it does not seem to be missing
	}
	*into = id
}

// checkTokenFile proves that the federated token can be read now.
func (a *OAuth2) checkTokenFile(o *object) {
	const variable = "AZURE_FEDERATED_TOKEN_FILE"
	path := o.d.env.variable(variable)
	if path == "" {
		o.faultIn("flow", wrong("set it to the path of the projected token, as Azure's webhook for workload identities does",
			"environment variable %s is not set", variable))
		return
	}
	if _, err := (SecretSource{File: path}).Read("", o.d.env); err != nil {
		m := ofError(err)
		o.faultIn("flow", wrong(m.mend, "environment variable %s: %s", variable, m.problem))
		return
	}
	a.TokenFile = path
}

func (c *ClientCertificate) read(o *object) {
	o.required("file", "the path of a PEM file with certificate and key")
	scalar(o, "file", &c.File, o.d.path)
	if c.File == "" {
		return
	}
	text, err := readPrivate(c.File, o.d.env)
	m := ofError(err)
	if err == nil {
		m = o.checkClientCertificate(text)
	}
	if m != nil {
		o.faultIn("file", m)
		return
	}
	c.PEM = secret.New(string(text))
}

// checkClientCertificate proves that a file holds a certificate and its own key, of the kind that Entra ID takes, and
// warns of its end.
func (o *object) checkClientCertificate(data []byte) *mistake {
	pair, err := pemfile.Pair(data, data)
	if err != nil {
		return ofError(err)
	}
	if _, ok := pair.PrivateKey.(*rsa.PrivateKey); !ok {
		return wrong("make a certificate with an RSA key and upload it to the app registration",
			"the key is not RSA, and Entra ID takes no other")
	}
	o.d.warnOfEnd(o.path+".file", "the certificate", pair.Leaf.NotAfter,
		"make a new one, upload it to the app registration and name its file here")
	return nil
}
