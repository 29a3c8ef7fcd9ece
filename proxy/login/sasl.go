package login

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"

	"drawbridge/internal/secret"
)

// ErrMalformed says that a SASL message cannot be read: a bad command, not a wrong login.
var ErrMalformed = errors.New("malformed SASL message")

// DecodeSASL decodes a line of a SASL exchange; "=" is the empty initial response (RFC 4954, section 4, RFC 4959). The
// error is ErrMalformed.
func DecodeSASL(line string) ([]byte, error) {
	if line == "=" {
		return []byte{}, nil
	}
	message, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		// Some devices leave the padding out.
		message, err = base64.RawStdEncoding.DecodeString(line)
	}
	if err != nil {
		return nil, ErrMalformed
	}
	return message, nil
}

// PlainCredentials reads a PLAIN message (RFC 4616): authorization identity, NUL, name, NUL, password. An authorization
// identity other than the name is a *Refusal, as is a name or password that CheckCredentials refuses.
func PlainCredentials(message []byte) (Credentials, error) {
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 {
		return Credentials{}, ErrMalformed
	}
	c := Credentials{Account: string(parts[1]), Password: secret.New(string(parts[2])), Mechanism: MechanismPlain}
	if identity := string(parts[0]); identity != "" && identity != c.Account {
		return c, Refuse(BadCredentials, "the device asks to act for another name than it logs in with: switch that off in the device")
	}
	return c, CheckCredentials(c)
}

// TokenCredentials reads an XOAUTH2 message: "user=" name, 0x01, "auth=Bearer " token, 0x01 0x01.
func TokenCredentials(message []byte) (Credentials, error) {
	c := Credentials{Mechanism: MechanismXOAUTH2}
	for field := range strings.SplitSeq(string(message), "\x01") {
		key, value, _ := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "user":
			c.Account = value
		case "auth":
			kind, token, _ := strings.Cut(value, " ")
			if !strings.EqualFold(kind, "bearer") {
				return c, ErrMalformed
			}
			c.Password = secret.New(strings.TrimSpace(token))
		}
	}
	if c.Account == "" || c.Password.Empty() {
		return c, ErrMalformed
	}
	return c, CheckCredentials(c)
}

// maxName is how long a login name may be: local part, "@" and domain of RFC 5321, section 4.5.3.1, in bytes.
const maxName = 64 + 1 + 255

// CheckCredentials refuses what must not go upstream: control characters in a name or password, with which commands could
// be smuggled, 8-bit characters in a name, and what is missing. The *Refusal reads as bad credentials.
func CheckCredentials(c Credentials) error {
	switch {
	case c.Account == "":
		return Refuse(BadCredentials, "the device logs in without a name: set it in the device")
	case strings.Trim(c.Account, " ") == "-":
		return Refuse(BadCredentials, "the device logs in with the name -, which stands for those who are not known: "+
			"set its own name in the device")
	case c.Password.Empty():
		return Refuse(BadCredentials, "the device logs in without a password: set it in the device")
	case len(c.Account) > maxName:
		return Refuse(BadCredentials, "the device's login name is longer than %d bytes: use a shorter one", maxName)
	case strings.ContainsFunc(c.Account, func(r rune) bool { return r >= 0x7f || r < ' ' }):
		return Refuse(BadCredentials, "the device's login name has characters other than printable ASCII: use a plain "+
			"name (letters, digits, @ . _ -)")
	case strings.ContainsAny(c.Password.Reveal(), "\x00\r\n") || c.Token() && strings.ContainsAny(c.Password.Reveal(), "\x01"):
		return Refuse(BadCredentials, "the device's password has control characters, which no login can carry: set another one")
	}
	return nil
}

// FrontEnd returns the name of the Exchange front end in a greeting: the text in the last brackets, base64 of UTF-16LE.
// It is "" where there is none.
func FrontEnd(greeting string) string {
	start := strings.LastIndexByte(greeting, '[')
	end := strings.LastIndexByte(greeting, ']')
	if start < 0 || end < start {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(greeting[start+1 : end])
	if err != nil || len(b) == 0 || len(b)%2 != 0 {
		return ""
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	name := string(utf16.Decode(units))
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return name
}
