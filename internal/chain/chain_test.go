package chain_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"

	"drawbridge/internal/chain"
)

// cert is a certificate of which only what is judged is filled in.
func cert(subject, issuer string, key any, algorithm x509.SignatureAlgorithm) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: subject}, RawSubject: []byte(subject), RawIssuer: []byte(issuer), PublicKey: key,
		SignatureAlgorithm: algorithm}
}

func rsaKey(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
}

func TestWeakness(t *testing.T) {
	good, small := rsaKey(2048), rsaKey(2047)
	ec := &ecdsa.PublicKey{Curve: elliptic.P256()}
	sha256, sha1 := x509.SHA256WithRSA, x509.SHA1WithRSA
	root := cert("root", "root", good, sha256)
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		want  string
	}{
		"good":                         {[]*x509.Certificate{cert("leaf", "root", good, sha256), root}, ""},
		"an EC key":                    {[]*x509.Certificate{cert("leaf", "root", ec, x509.ECDSAWithSHA384), root}, ""},
		"a self-signed server":         {[]*x509.Certificate{root}, ""},
		"nothing":                      {nil, ""},
		"a small key":                  {[]*x509.Certificate{cert("leaf", "root", small, sha256), root}, `"CN=leaf" has an RSA key of 2047 bits`},
		"a small key between":          {[]*x509.Certificate{cert("leaf", "ca", good, sha256), cert("ca", "root", small, sha256), root}, "CN=ca"},
		"a small root":                 {[]*x509.Certificate{cert("leaf", "root", good, sha256), cert("root", "root", small, sha256)}, "CN=root"},
		"SHA-1":                        {[]*x509.Certificate{cert("leaf", "root", good, sha1), root}, "SHA1-RSA"},
		"MD5":                          {[]*x509.Certificate{cert("leaf", "root", good, x509.MD5WithRSA), root}, "MD5-RSA"},
		"ECDSA with SHA-1":             {[]*x509.Certificate{cert("leaf", "root", ec, x509.ECDSAWithSHA1), root}, "ECDSA-SHA1"},
		"PSS with SHA-1":               {[]*x509.Certificate{cert("leaf", "root", good, x509.UnknownSignatureAlgorithm), root}, "signature by 0"},
		"SHA-1 between":                {[]*x509.Certificate{cert("leaf", "ca", good, sha256), cert("ca", "root", good, sha1), root}, "CN=ca"},
		"a root's own SHA-1":           {[]*x509.Certificate{cert("leaf", "root", good, sha256), cert("root", "root", good, sha1)}, ""},
		"a trusted CA's SHA-1":         {[]*x509.Certificate{cert("leaf", "ca", good, sha256), cert("ca", "root", good, sha1)}, "CN=ca"},
		"a self-signed server's SHA-1": {[]*x509.Certificate{cert("leaf", "leaf", good, sha1)}, "SHA1-RSA"},
	} {
		err := chain.Weakness(c.chain)
		var weak *chain.WeakError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &weak) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestVerify_OneStrongChainSuffices(t *testing.T) {
	leaf, root := cert("leaf", "root", rsaKey(2048), x509.SHA256WithRSA), cert("root", "root", rsaKey(2048), x509.SHA256WithRSA)
	strong := []*x509.Certificate{leaf, root}
	weak := []*x509.Certificate{leaf, cert("other", "other", rsaKey(1024), x509.SHA256WithRSA)}
	state := func(chains ...[]*x509.Certificate) tls.ConnectionState {
		return tls.ConnectionState{PeerCertificates: strong[:1], VerifiedChains: chains}
	}
	if err := chain.Verify(state(weak, strong)); err != nil {
		t.Errorf("a strong chain beside a weak one: %v", err)
	}
	var unverified *tls.CertificateVerificationError
	var why *chain.WeakError
	if err := chain.Verify(state(weak)); !errors.As(err, &unverified) || !errors.As(err, &why) || len(unverified.UnverifiedCertificates) != 1 {
		t.Errorf("a weak chain: %v", err)
	}
	if chain.Verify(state()) == nil {
		t.Error("a connection without a verified chain is taken")
	}
}
