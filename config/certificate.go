package config

import (
	"encoding/base64"
	"strings"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/secret"
)

// letsEncrypt is the ACME directory that is asked where the file names none.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Certificate is one entry of certificates: exactly one of its fields is set.
type Certificate struct {
	// A certificate of the bridge's own CA, which devices must be given.
	LocalCA *LocalCA `yaml:"local_ca,omitempty"`

	// A certificate from an ACME service such as Let's Encrypt. Until it has issued, the local CA serves the entry.
	ACME *ACME `yaml:"acme,omitempty"`

	// A certificate kept by others, read again when it changes.
	File *CertificateFile `yaml:"file,omitempty"`
}

// LocalCA asks for a leaf of the bridge's own CA: RSA-2048, 397 days, renewed at two thirds.
type LocalCA struct {
	// DNS names and IP addresses, all in one certificate.
	// Default: the host's name, its full name, localhost and this machine's addresses.
	Names []string `yaml:"names,omitempty" jsonschema:"minItems=1"`

	// What the CA signs with: sha256.
	Signature string `yaml:"signature" jsonschema:"enum=sha256"`
}

// ACME asks for a leaf of an ACME service (RFC 8555), with an RSA key.
type ACME struct {
	// DNS names, all in one certificate.
	Names []string `yaml:"names" jsonschema:"required,minItems=1"`

	// Where the service writes to before a certificate runs out.
	Email string `yaml:"email"`

	// The service's directory, an https address.
	Directory string `yaml:"directory" jsonschema:"pattern=^https://"`

	// The path of a PEM file with the root of the service's own certificate, in addition to the system's.
	CA string `yaml:"ca"`

	// The text of the file that CA names; nil without one. Not a key.
	CAPEM []byte `yaml:"-"`

	// The account at a service that serves its own customers only; left out: none.
	ExternalAccount *ExternalAccount `yaml:"external_account,omitempty"`

	// The address that answers HTTP-01 challenges; "" switches it off.
	HTTP string `yaml:"http"`

	// The address that answers TLS-ALPN-01 challenges; "" switches it off.
	TLSALPN string `yaml:"tls_alpn"`
}

// ExternalAccount is a customer's account at an ACME service (RFC 8555, section 7.3.4).
type ExternalAccount struct {
	// The account's key identifier, as the service gave it.
	ID string `yaml:"id" jsonschema:"required,minLength=1"`

	// The account's HMAC key in base64, as the service gave it, as a value, {file: PATH} or {env: NAME}.
	Key secret.Secret `yaml:"key" jsonschema:"required"`
}

// CertificateFile names a certificate and its key, as PEM files.
type CertificateFile struct {
	// The path of the certificate, with the chain below it.
	Certificate string `yaml:"certificate" jsonschema:"required"`

	// The path of its private key. A file that everybody on the machine can read is warned of.
	Key string `yaml:"key" jsonschema:"required"`
}

func defaultLocalCA() *LocalCA { return &LocalCA{Signature: "sha256"} }

func defaultACME() *ACME {
	return &ACME{Directory: letsEncrypt, HTTP: ":80", TLSALPN: ":443"}
}

func (c *Certificate) read(o *object) {
	o.group("local_ca", func(o *object) {
		c.LocalCA = defaultLocalCA()
		c.LocalCA.read(o)
	})
	o.group("acme", func(o *object) {
		c.ACME = defaultACME()
		c.ACME.read(o)
	})
	o.group("file", func(o *object) {
		c.File = &CertificateFile{}
		c.File.read(o)
	})
	if len(o.pairs) != 1 {
		o.fault(wrong("write one of local_ca, acme or file, and a further entry for each other",
			"an entry is one certificate, and %d keys stand here", len(o.pairs)))
	}
}

func (l *LocalCA) read(o *object) {
	some(o, "names", &l.Names, host)
	scalar(o, "signature", &l.Signature, oneOf("sha256"))
}

func (a *ACME) read(o *object) {
	o.required("names", "[bridge.contoso.com]")
	some(o, "names", &a.Names, publicName)
	scalar(o, "email", &a.Email, maybe(mailAddress))
	scalar(o, "directory", &a.Directory, httpsURL)
	o.readCA(&a.CA, &a.CAPEM)
	o.group("external_account", func(o *object) {
		a.ExternalAccount = &ExternalAccount{}
		a.ExternalAccount.read(o)
	})
	scalar(o, "http", &a.HTTP, maybe(listenAddress))
	scalar(o, "tls_alpn", &a.TLSALPN, maybe(listenAddress))
	if a.HTTP == "" && a.TLSALPN == "" {
		o.fault(wrong(`write http: ":80" or tls_alpn: ":443"`, "with both challenges off nothing can be issued"))
	}
	o.checkProxy()
}

func (e *ExternalAccount) read(o *object) {
	o.required("id", "the key identifier that the service gave you")
	o.required("key", "{file: PATH} of the HMAC key that the service gave you")
	scalar(o, "id", &e.ID, textThat(isKeyID, "write the key identifier that the service gave you", "%s is none"))
	o.use("key", func(v value) { v.secret(&e.Key, hmacKey) })
}

func isKeyID(text string) bool {
	return text != "" && len(text) <= 1024 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// hmacKey judges a key in base64 of either alphabet, padded or not.
func hmacKey(text string) *mistake {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if key, err := base64.RawStdEncoding.DecodeString(plain); err != nil || len(key) == 0 {
		return wrong("write the HMAC key as the service gave it", "this is no key in base64")
	}
	return nil
}

// publicName is a name that an ACME service can check over HTTP or TLS.
func publicName(text string) (string, *mistake) {
	switch {
	case strings.HasPrefix(text, "*."):
		return "", wrong("write each name", "%s is a pattern, which cannot be proven over HTTP or TLS", quoted(text))
	case !isHostName(text) || !strings.Contains(strings.TrimSuffix(text, "."), "."):
		return "", wrong("write a full DNS name such as bridge.contoso.com, and other names in an entry local_ca",
			"%s is no public DNS name", quoted(text))
	}
	return text, nil
}

func (f *CertificateFile) read(o *object) {
	o.required("certificate", "the path of a PEM file")
	o.required("key", "the path of a PEM file")
	before := len(o.d.faults)
	scalar(o, "certificate", &f.Certificate, o.d.path)
	scalar(o, "key", &f.Key, o.d.path)
	if f.Certificate != "" && f.Key != "" && len(o.d.faults) == before {
		f.checkPair(o)
	}
}

// checkPair proves that certificate and key can be read and belong together. It warns of a key that everybody can read.
func (f *CertificateFile) checkPair(o *object) {
	certificate, ok := o.file("certificate", f.Certificate)
	key, keyOK := o.file("key", f.Key)
	if !keyOK {
		return
	}
	if open := checkPrivate(f.Key, o.d.env); open != nil {
		o.warnIn("key", ofError(open)) // others keep this file, and other servers may share it: not ours to refuse
	}
	if !ok {
		return
	}
	if _, err := pemfile.Pair(certificate, key); err != nil {
		o.fault(ofError(err))
	}
}
