package oauth

import (
	"fmt"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
)

// maxToken is how long a token may be, in bytes. Exchange's are 1.5 to 6 KB; the device's line is bounded likewise.
const maxToken = 16 << 10

// Token is one access token and what is known of it without reading it.
type Token struct {
	Value   secret.Secret
	Expires time.Time
	Account string // whose it is, where it is a user's and Entra ID told
	key     string // of the entry it came from
}

// is reports whether both are the same token.
func (t Token) is(other Token) bool {
	return !t.Value.Empty() && t.Value.Reveal() == other.Value.Reveal()
}

// Request is what a session wants a token for.
type Request struct {
	Mailbox  string
	Protocol string        // one of protocol.Names
	Password secret.Secret // the mailbox's, with flow Password only
	// MinLife is how long the token should live; one with less is renewed while it still serves. Zero: 20 minutes for
	// IMAP, where a session ends with its token, and 5 for POP3.
	MinLife time.Duration
	// Instead is a token that the upstream has just refused (see Source.Rejected): rather than the same one again there
	// is an error.
	Instead Token
}

func (r Request) minLife() time.Duration {
	switch {
	case r.MinLife > 0:
		return r.MinLife
	case r.Protocol == protocol.IMAP:
		return imapLife
	}
	return renewAhead
}

// check keeps out of XOAUTH2 and of headers whatever is no token (RFC 6750, section 2.1).
func (t Token) check(now time.Time) error {
	v := t.Value.Reveal()
	if v == "" || len(v) > maxToken {
		return fmt.Errorf("a token of %d bytes, of 1 to %d", len(v), maxToken)
	}
	for i := range len(v) {
		if v[i] <= ' ' || v[i] >= 0x7f {
			return fmt.Errorf("a token with byte 0x%02x in it", v[i])
		}
	}
	if t.Expires.Sub(now) <= leastLife {
		return fmt.Errorf("a token that ends %s, which is now or over", t.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// XOAUTH2 is the name of the mechanism as servers announce it.
const XOAUTH2 = "XOAUTH2"

// xoauth2 is one login by token.
type xoauth2 struct{ mailbox, token string }

// NewXOAUTH2Client returns the login to mailbox by token. Its initial response is "user=" mailbox, 0x01, "auth=Bearer "
// token, 0x01 0x01, as Exchange Online and Gmail document it
// (learn.microsoft.com: "Authenticate an IMAP, POP or SMTP connection using OAuth"). The caller keeps control characters
// out of both.
func NewXOAUTH2Client(mailbox, token string) sasl.Client {
	return &xoauth2{mailbox: mailbox, token: token}
}

// Start returns the mechanism and its initial response.
func (c *xoauth2) Start() (mechanism string, initial []byte, err error) {
	return XOAUTH2, []byte("user=" + c.mailbox + "\x01auth=Bearer " + c.token + "\x01\x01"), nil
}

// Next answers a challenge, which tells why the token was refused, with an empty line: only then the server refuses.
func (c *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }
