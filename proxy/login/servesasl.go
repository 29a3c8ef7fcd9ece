package login

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/secret"
)

// The prompts of the LOGIN mechanism, by which devices know it: base64 of "Username:" and "Password:".
const (
	promptUser     = "VXNlcm5hbWU6"
	promptPassword = "UGFzc3dvcmQ6"
)

// ErrUnknownMechanism says that a device asked for a SASL mechanism that is not offered.
var ErrUnknownMechanism = errors.New("this SASL mechanism is not offered")

// mechanisms are the SASL mechanisms that a device may ask for. initial holds the initial response, if one came.
var mechanisms = map[string]func(c *Conn, initial []string) (Credentials, error){
	"PLAIN":   (*Conn).servePlain,
	"LOGIN":   (*Conn).serveLogin,
	"XOAUTH2": (*Conn).serveXOAUTH2,
}

// Mechanisms are the SASL mechanisms that the device may be told of, in this order.
func (c *Conn) Mechanisms() []string {
	if c.noTokens {
		return []string{"PLAIN", "LOGIN"}
	}
	return []string{"PLAIN", "LOGIN", MechanismXOAUTH2}
}

// ServeSASL speaks a SASL mechanism with a device, whose command named it and may have brought an initial response. IMAP and POP3
// do it alike: "+ " and a prompt, answered by a line of base64 (RFC 9051, section 6.2.2; RFC 5034, section 4). The errors
// are ErrUnknownMechanism, ErrMalformed, both bad commands, a *ProtocolError, a *Refusal, or the connection's.
func (c *Conn) ServeSASL(mechanism string, initial ...string) (Credentials, error) {
	serve, known := mechanisms[strings.ToUpper(mechanism)]
	switch {
	case !known:
		c.notes.NotOffered(mechanism)
		return Credentials{}, ErrUnknownMechanism
	case len(initial) > 1:
		c.notes.Malformed(recorded(mechanism))
		return Credentials{}, ErrUnknownMechanism
	case len(initial) == 1 && len(initial[0]) > MaxLine && !strings.EqualFold(mechanism, MechanismXOAUTH2):
		return Credentials{}, ErrLongLine
	}
	credentials, err := serve(c, initial)
	if errors.Is(err, ErrMalformed) {
		c.notes.Malformed(recorded(mechanism))
	}
	if credentials.Account != "" && !errors.Is(err, ErrMalformed) {
		c.notes.Claim(credentials.Account)
	}
	return credentials, err
}

// recorded is a mechanism's name on record, where LOGIN is IMAP's command.
func recorded(mechanism string) string {
	if strings.EqualFold(mechanism, MechanismLogin) {
		return MechanismAuthLogin
	}
	return mechanism
}

func (c *Conn) servePlain(initial []string) (Credentials, error) {
	message, err := c.response("", initial, MaxLine)
	if err != nil {
		return Credentials{}, err
	}
	return PlainCredentials(message)
}

// serveLogin is the LOGIN mechanism (draft-murchison-sasl-login).
func (c *Conn) serveLogin(initial []string) (Credentials, error) {
	name, err := c.response(promptUser, initial, MaxLine)
	if err != nil {
		return Credentials{}, err
	}
	c.notes.Claim(string(name))
	password, err := c.response(promptPassword, nil, MaxLine)
	if err != nil {
		return Credentials{}, err
	}
	credentials := Credentials{Account: string(name), Password: secret.New(string(password)), Mechanism: MechanismAuthLogin}
	return credentials, CheckCredentials(credentials)
}

func (c *Conn) serveXOAUTH2(initial []string) (Credentials, error) {
	if c.noTokens {
		return refuseToken(initial)
	}
	message, err := c.response("", initial, MaxTokenLine)
	if err != nil {
		return Credentials{}, err
	}
	return TokenCredentials(message)
}

// refuseToken refuses a token of a device's own, without asking for one that did not come by itself.
func refuseToken(initial []string) (c Credentials, err error) {
	if len(initial) > 0 {
		message, _ := DecodeSASL(initial[0])
		c, _ = TokenCredentials(message)
	}
	return Credentials{Account: c.Account, Mechanism: MechanismXOAUTH2}, Refuse(BadCredentials, "this listener hands no tokens of programs' "+
		"own on (device_tokens: false): set the program to log in by password, or switch device_tokens on")
}

// response returns the initial response, or asks for one with prompt. "*" cancels.
func (c *Conn) response(prompt string, initial []string, limit int) ([]byte, error) {
	if len(initial) > 0 {
		return DecodeSASL(initial[0])
	}
	if err := c.WriteString("+ " + prompt + "\r\n"); err != nil {
		return nil, err
	}
	line, err := c.ReadLine(limit)
	if err != nil {
		return nil, err
	}
	text := strings.Trim(string(line), " ")
	if len(text) < len(line) {
		c.quirk(QuirkExtraSpaces)
	}
	if text == "*" {
		return nil, ErrMalformed
	}
	return DecodeSASL(text)
}

// AnswerChallenge answers a challenge of an upstream, in base64, that comes after the first response. Mostly it tells
// why the login will be refused; where client has no answer, an empty line lets the upstream go on. Some servers prompt in plain
// text.
func AnswerChallenge(client sasl.Client, challenge string) string {
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		decoded = []byte(challenge)
	}
	response, err := client.Next(decoded)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(response)
}

// CutPrefixFold is strings.CutPrefix without regard to ASCII case.
func CutPrefixFold(s, prefix string) (after string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
