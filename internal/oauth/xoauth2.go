package oauth

import (
	"strings"

	"github.com/emersion/go-sasl"
)

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
	var b strings.Builder
	b.WriteString("user=")
	b.WriteString(c.mailbox)
	b.WriteString("\x01auth=Bearer ")
	b.WriteString(c.token)
	b.WriteString("\x01\x01")
	return XOAUTH2, []byte(b.String()), nil
}

// Next answers a challenge, which tells why the token was refused, with an empty line: only then the server refuses.
func (c *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }
