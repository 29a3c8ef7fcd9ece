package oauth

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Claims are what a token says of itself. They are for diagnosis only: nothing is decided by them, since tokens are the
// upstream's to validate and may become opaque.
type Claims struct {
	Audience string // aud
	Issuer   string // iss
	Tenant   string // tid
	App      string // appid, or azp
	Object   string // oid: of the enterprise application or the user
	Type     string // idtyp: "app" or "user"
	User     string // upn, or preferred_username
	Roles    []string
	Scopes   []string  // scp
	Expires  time.Time // exp
}

// payload is the wire form of Claims.
type payload struct {
	Aud      audience `json:"aud"`
	Iss      string   `json:"iss"`
	TID      string   `json:"tid"`
	AppID    string   `json:"appid"`
	AZP      string   `json:"azp"`
	OID      string   `json:"oid"`
	IDTyp    string   `json:"idtyp"`
	UPN      string   `json:"upn"`
	Username string   `json:"preferred_username"`
	Roles    []string `json:"roles"`
	SCP      string   `json:"scp"`
	Exp      int64    `json:"exp"`
}

// audience is a string or a list of strings (RFC 7519, section 4.1.3); of a list the first one is told.
type audience string

// UnmarshalJSON takes both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err == nil {
		if len(list) > 0 {
			*a = audience(list[0])
		}
		return nil
	}
	var one string
	if err := json.Unmarshal(b, &one); err != nil {
		return errors.New("aud is neither a string nor a list")
	}
	*a = audience(one)
	return nil
}

// Decode reads the claims of a JWT without verifying it. The error never quotes the token.
func Decode(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, errors.New("the token is too long to be read")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, errors.New("the token is opaque: it is no JWT")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, errors.New("the token's claims are not base64url")
	}
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return Claims{}, errors.New("the token's claims are not the JSON of a token")
	}
	return p.claims(), nil
}

func (p payload) claims() Claims {
	c := Claims{
		Audience: string(p.Aud), Issuer: p.Iss, Tenant: p.TID, App: cmp.Or(p.AppID, p.AZP), Object: p.OID, Type: p.IDTyp,
		User: cmp.Or(p.UPN, p.Username), Roles: p.Roles, Scopes: strings.Fields(p.SCP),
	}
	if p.Exp > 0 {
		c.Expires = time.Unix(p.Exp, 0)
	}
	return c
}
