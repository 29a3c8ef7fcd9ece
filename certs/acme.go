package certs

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"drawbridge/internal/pemfile"
)

// acmeIssuer makes certmagic's ACME client get one certificate for all names of an entry, and answers the challenges
// on the entry's own addresses, which are open only while a certificate is being ordered.
//
// certmagic starts two kinds of goroutine that it gives no way to end: one rate limiter a directory and e-mail address
// (it lives as long as the process), and those of the HTTP client's idle connections, which end when the server closes
// them.
type acmeIssuer struct {
	names  []string
	keys   *keyring
	config *certmagic.Config
	http   challengeAddress
	alpn   challengeAddress
	bound  bool                    // to an external account
	inner  []*certmagic.ACMEIssuer // tried in turn; two where the challenges have different hosts
	log    *zap.Logger
}

// newACME manages the certificate of one ACME entry. Nothing is contacted yet.
func (a *authority) newACME(e *ACME, names []string, log *zap.Logger) (*managed, error) {
	for _, name := range names {
		if net.ParseIP(name) != nil || strings.HasPrefix(name, "*.") || !strings.Contains(name, ".") {
			return nil, fmt.Errorf("acme: %q cannot be validated: use full DNS names without wildcards, and local_ca for the rest", name)
		}
	}
	roots, err := directoryRoots(e.CAFile)
	if err != nil {
		return nil, err
	}
	iss := &acmeIssuer{names: names, keys: new(keyring), bound: e.External != nil, log: log}
	if iss.http, err = parseChallengeAddress(e.HTTPAddress); err != nil {
		return nil, fmt.Errorf("acme: http: %w", err)
	}
	if iss.alpn, err = parseChallengeAddress(e.TLSALPNAddress); err != nil {
		return nil, fmt.Errorf("acme: tls_alpn: %w", err)
	}
	if iss.http.off() && iss.alpn.off() {
		return nil, errors.New("acme: both challenges are off: give http or tls_alpn an address")
	}
	iss.config = a.config(iss.keys, iss)
	iss.inner = iss.clients(certmagic.ACMEIssuer{
		CA: e.Directory, Email: e.Email, Agreed: true, TrustedRoots: roots,
		DisableDistributedSolvers: true, Logger: a.log, ExternalAccount: e.External.binding(),
	})
	return &managed{subject: subjectOf(names), issuer: iss, config: iss.config, storage: a.storage}, nil
}

// clients makes one client where both challenges listen on one host, which is all that a client can hold, else one a
// challenge.
func (a *acmeIssuer) clients(template certmagic.ACMEIssuer) []*certmagic.ACMEIssuer {
	both := !a.http.off() && !a.alpn.off() && a.http.host == a.alpn.host
	var out []*certmagic.ACMEIssuer
	if !a.http.off() {
		t := template
		t.ListenHost, t.AltHTTPPort = a.http.host, a.http.port
		t.AltTLSALPNPort, t.DisableTLSALPNChallenge = a.alpn.port, !both
		out = append(out, certmagic.NewACMEIssuer(a.config, t))
	}
	if !a.alpn.off() && !both {
		t := template
		t.ListenHost, t.AltTLSALPNPort, t.DisableHTTPChallenge = a.alpn.host, a.alpn.port, true
		out = append(out, certmagic.NewACMEIssuer(a.config, t))
	}
	return out
}

// IssuerKey is that of the directory.
func (a *acmeIssuer) IssuerKey() string { return a.inner[0].IssuerKey() }

// PreCheck readies the account's e-mail address. It never asks on a terminal for one, as certmagic would.
func (a *acmeIssuer) PreCheck(ctx context.Context, _ []string, _ bool) error {
	var errs []error
	for _, inner := range a.inner {
		errs = append(errs, inner.PreCheck(ctx, a.names, false))
	}
	return a.explain(errors.Join(errs...))
}

// Issue orders one certificate for all names with the key of the request, which has one name only.
func (a *acmeIssuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	full, err := a.request(csr)
	if err != nil {
		return nil, err
	}
	servers, err := a.listen()
	if err != nil {
		return nil, err
	}
	defer servers.close()
	var errs []error
	for _, inner := range a.inner {
		cert, err := inner.Issue(ctx, full)
		if err == nil {
			return cert, nil
		}
		errs = append(errs, err)
	}
	return nil, a.explain(errors.Join(errs...))
}

// explain puts before an error of the service which key of the configuration mends it.
func (a *acmeIssuer) explain(err error) error {
	var said acme.Problem
	if !errors.As(err, &said) {
		return err
	}
	switch register := strings.Contains(err.Error(), "registering account"); {
	case said.Type == acme.ProblemTypeExternalAccountRequired && !a.bound:
		return fmt.Errorf("the ACME service serves its own customers only: write the id and key that it gave you into "+
			"acme.external_account: %w", err)
	case a.bound && register:
		return fmt.Errorf("the ACME service does not take acme.external_account: compare its id and key with what the service gave you: %w", err)
	}
	return err
}

// binding is what certmagic wants of an external account, nil where there is none.
func (e *ExternalAccount) binding() *acme.EAB {
	if e == nil {
		return nil
	}
	key := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(e.Key.Reveal())
	return &acme.EAB{KeyID: e.ID, MACKey: key}
}

func (a *acmeIssuer) request(csr *x509.CertificateRequest) (*x509.CertificateRequest, error) {
	key, err := a.keys.take(csr.PublicKey)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{DNSNames: slices.Clone(a.names), SignatureAlgorithm: x509.SHA256WithRSA}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return x509.ParseCertificateRequest(der)
}

// directoryRoots are the system's, and those of file where one is given; nil means the system's.
func directoryRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("acme: ca: %w", err)
	}
	roots, err := pemfile.Roots(data)
	if err != nil {
		return nil, fmt.Errorf("acme: ca: %s: %w", file, err)
	}
	return roots, nil
}
