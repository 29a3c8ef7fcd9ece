package certs

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/caddyserver/certmagic"
)

// localIssuer makes the local CA a certmagic.Issuer for one entry.
type localIssuer struct {
	ca    *CA
	names []string
}

// newLocal manages the one leaf that the local CA makes for all of names.
func (a *authority) newLocal(ca *CA, names []string) *managed {
	issuer := &localIssuer{ca: ca, names: names}
	return &managed{
		subject: subjectOf(names),
		issuer:  issuer,
		config:  a.config(new(keyring), issuer),
		storage: a.storage,
	}
}

// IssuerKey names the CA by its fingerprint, so that leaves of an earlier CA are not found any more.
func (l *localIssuer) IssuerKey() string { return "local-" + l.ca.Fingerprint()[:16] }

// Issue takes from the request only the key; the names are the entry's.
func (l *localIssuer) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	der, err := l.ca.sign(l.names, csr.PublicKey, time.Now())
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: encodeCertificates(der)}, nil
}
