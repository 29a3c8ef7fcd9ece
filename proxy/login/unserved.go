package login

import (
	"fmt"
	"strings"
)

// Unserved is a login that could not even be tried: by a mechanism that is not offered, or in a form that nobody can read.
type Unserved struct {
	Mechanism string // for the record: one that we know by name, or "UNKNOWN"
	Sentence  string // what it was, and which switch of the device to change
}

// MechanismAPOP is POP3's own command (RFC 1939, section 7), which needs passwords kept in clear.
const MechanismAPOP = "APOP"

// The switches by which devices are told how to log in.
const (
	switchPlain    = "set its login method to plain or normal password (PLAIN or LOGIN): TLS protects the password"
	switchSPA      = "switch off SPA (Secure Password Authentication, NTLM) in its settings: TLS protects the password"
	switchKerberos = "switch off Kerberos or integrated Windows authentication in its settings, and give it a name and a password"
	switchToken    = "set its OAuth mechanism to XOAUTH2, or its login method to plain or normal password (PLAIN or LOGIN)"
	switchScram    = "switch off encrypted or secure password (challenge and response) in its settings: TLS protects the password"
)

// switches are the mechanisms that devices ask for and nobody can serve who hands logins on to Exchange Online (IANA's registry of
// SASL mechanisms, and Microsoft's own). No other word is written down: it may be a password.
var switches = map[string]string{
	MechanismAPOP: `switch off APOP ("encrypted password") in its POP3 settings: TLS protects the password`,
	"NTLM":        switchSPA, "SPA": switchSPA, "MSN": switchSPA,
	"CRAM-MD5": switchScram, "DIGEST-MD5": switchScram, "CRAM-SHA1": switchScram,
	"SCRAM-SHA-1": switchScram, "SCRAM-SHA-1-PLUS": switchScram, "SCRAM-SHA-256": switchScram, "SCRAM-SHA-256-PLUS": switchScram,
	"SCRAM-SHA-512": switchScram, "SCRAM-SHA-512-PLUS": switchScram,
	"GSSAPI": switchKerberos, "GSS-SPNEGO": switchKerberos, "GS2-KRB5": switchKerberos, "KERBEROS_V4": switchKerberos,
	"OAUTHBEARER": switchToken, "OAUTH10A": switchToken,
	"EXTERNAL": switchPlain, "ANONYMOUS": switchPlain, "OTP": switchPlain, "SKEY": switchPlain, "SRP": switchPlain,
}

// NotOffered notes a login by a mechanism that is not offered; one that is, is no such login. A nil Notes takes none.
func (n *Notes) NotOffered(mechanism string) {
	name := strings.ToUpper(mechanism)
	if _, offered := mechanisms[name]; offered || n == nil {
		return
	}
	advice, known := switches[name]
	if !known {
		n.Unserved = Unserved{"UNKNOWN", fmt.Sprintf("the device asks for a login mechanism that nobody knows (%d bytes): %s",
			len(mechanism), switchPlain)}
		return
	}
	n.Unserved = Unserved{name, fmt.Sprintf("the device logs in by %s, which is not offered: %s", name, advice)}
}

// Malformed notes a login by a mechanism that is offered which cannot be read, or was broken off. A nil Notes takes none.
func (n *Notes) Malformed(mechanism string) {
	if n == nil {
		return
	}
	name := strings.ToUpper(mechanism)
	n.Unserved = Unserved{name, fmt.Sprintf("the device broke off its login by %s, or sent what cannot be read: set another login method "+
		"in it (PLAIN, LOGIN or USER), or update it", name)}
}
