package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"
)

// exchangeAudience is what assertions of other issuers are made out to.
const exchangeAudience = "api://AzureADTokenExchange"

// Issuer is another party whose tokens Entra ID may trust: a Kubernetes cluster, or any OIDC issuer. Its key is handed to
// the stand-in by value, where Entra ID itself would fetch it. It is safe for concurrent use.
type Issuer struct {
	url string
	key *rsa.PrivateKey
}

// NewIssuer makes an issuer with a new key; its URL is only a name and is never asked.
func NewIssuer(url string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", url, err)
	}
	return &Issuer{url: url, key: key}, nil
}

// Token makes an assertion (RFC 7523, section 3) for a subject, such as system:serviceaccount:mail:drawbridge; an empty
// audience is api://AzureADTokenExchange. It is valid from now on for a life, or no longer if that is negative.
func (i *Issuer) Token(subject, aud string, life time.Duration) (string, error) {
	if aud == "" {
		aud = exchangeAudience
	}
	now := time.Now()
	return signRS256(i.key, joseHeader{}, claims{
		Audience: audience{aud}, Issuer: i.url, Subject: subject,
		IssuedAt: now.Unix(), NotBefore: min(now.Unix(), now.Add(life).Unix()), Expires: now.Add(life).Unix(),
	})
}
