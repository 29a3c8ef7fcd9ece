package sandbox

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxToken bounds a token that is read: Entra ID's own end well below it.
const maxToken = 64 << 10

// The reasons for which a token or an assertion is refused.
var (
	errNoJWS      = errors.New("not a signed token")
	errAlgorithm  = errors.New("signed by an algorithm other than RS256 and PS256")
	errSignature  = errors.New("the signature is not of the expected key")
	errNotInTime  = errors.New("not valid now")
	errNoAudience = errors.New("for another audience")
)

// joseHeader is the protected header of a JWS (RFC 7515, section 4.1).
type joseHeader struct {
	Algorithm   string `json:"alg"`
	Type        string `json:"typ"`
	KeyID       string `json:"kid,omitempty"`
	Thumbprint  string `json:"x5t,omitempty"`      // SHA-1
	Thumbprint2 string `json:"x5t#S256,omitempty"` // SHA-256
}

// claims are those of a token (RFC 7519) that the stand-ins write and read; dates are seconds since 1970.
type claims struct {
	Audience      audience `json:"aud"`
	Issuer        string   `json:"iss"`
	IssuedAt      int64    `json:"iat"`
	NotBefore     int64    `json:"nbf"`
	Expires       int64    `json:"exp"`
	ID            string   `json:"jti,omitempty"`
	Subject       string   `json:"sub,omitempty"`
	Application   string   `json:"appid,omitempty"`
	Method        string   `json:"appidacr,omitempty"` // 0: public client, 1: secret, 2: certificate
	IdentityType  string   `json:"idtyp,omitempty"`    // app or user
	Object        string   `json:"oid,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Scopes        string   `json:"scp,omitempty"`
	Tenant        string   `json:"tid,omitempty"`
	UserName      string   `json:"upn,omitempty"`
	PreferredName string   `json:"preferred_username,omitempty"` // in identity tokens
	Name          string   `json:"name,omitempty"`
	Version       string   `json:"ver,omitempty"`
	Padding       string   `json:"xms_pad,omitempty"` // makes a token as long as those with many groups
}

// audience is one name, or several as Kubernetes writes them (RFC 7519, section 4.1.3).
type audience []string

// MarshalJSON writes one name as a string.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads a string or a list.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// signed is a JWS in compact form taken apart (RFC 7515, section 7.1).
type signed struct {
	header    joseHeader
	claims    claims
	input     []byte // what the signature is over
	signature []byte
}

// signRS256 makes a JWS of any claims.
func signRS256(key *rsa.PrivateKey, header joseHeader, payload any) (string, error) {
	header.Algorithm, header.Type = "RS256", "JWT"
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("write the header of a token: %w", err)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("write the claims of a token: %w", err)
	}
	input := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// parseJWS takes a token apart without trusting it.
func parseJWS(token string) (signed, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxToken {
		return signed{}, errNoJWS
	}
	s := signed{input: []byte(parts[0] + "." + parts[1])}
	if err := decodePart(parts[0], &s.header); err != nil {
		return signed{}, fmt.Errorf("header: %w", err)
	}
	if err := decodePart(parts[1], &s.claims); err != nil {
		return signed{}, fmt.Errorf("claims: %w", err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return signed{}, fmt.Errorf("signature: %w", errors.Join(errNoJWS, err))
	}
	s.signature = signature
	return s, nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return errors.Join(errNoJWS, err)
	}
	return nil
}

// verify checks the signature: RS256 or PS256 (RFC 7518, sections 3.3 and 3.5).
func (s signed) verify(key *rsa.PublicKey) error {
	digest := sha256.Sum256(s.input)
	var err error
	switch s.header.Algorithm {
	case "RS256":
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], s.signature)
	case "PS256":
		err = rsa.VerifyPSS(key, crypto.SHA256, digest[:], s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		return errAlgorithm
	}
	if err != nil {
		return errSignature
	}
	return nil
}

// inTime checks exp and nbf, with a leeway for clocks that are not the same.
func (c claims) inTime(now time.Time, leeway time.Duration) error {
	if !now.Before(time.Unix(c.Expires, 0).Add(leeway)) || now.Before(time.Unix(c.NotBefore, 0).Add(-leeway)) {
		return errNotInTime
	}
	return nil
}

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
	now := time.Now()
	return signRS256(i.key, joseHeader{}, claims{
		Audience: audience{cmp.Or(aud, exchangeAudience)}, Issuer: i.url, Subject: subject,
		IssuedAt: now.Unix(), NotBefore: min(now.Unix(), now.Add(life).Unix()), Expires: now.Add(life).Unix(),
	})
}
