package sandbox

import (
	"net/http"
	"strings"
)

// introspect answers as RFC 7662 has it, for a mail server such as Dovecot that asks whether a token is good. Entra ID has no such
// endpoint. The path names the mailbox that the token shall open, because an application's token names none.
func (c *call) introspect() reply {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = c.r.Form.Get("token")
	}
	c.note.User = c.r.PathValue("mailbox")
	cl, why := c.read(token)
	if why != nil {
		c.note.Error = why.Error()
		return asJSON(http.StatusOK, map[string]any{"active": false})
	}
	return asJSON(http.StatusOK, map[string]any{
		"active": true, "email": c.note.User, "username": c.note.User, "client_id": cl.Application,
		"scope": strings.Join(append(cl.Roles, words(cl.Scopes)...), " "), "exp": cl.Expires, "aud": cl.Audience, "iss": cl.Issuer,
	})
}

// read checks what every reader of an access token checks: that it is of the stand-in and valid now.
func (e *Entra) read(token string) (claims, error) {
	s, err := parseJWS(token)
	if err != nil {
		return claims{}, err
	}
	if err := s.verify(&e.key.PublicKey); err != nil {
		return claims{}, err
	}
	return s.claims, s.claims.inTime(e.options.Now(), 0)
}
