package sandbox

import (
	"encoding/base64"
	"unicode/utf16"
)

// Protocol is what a listener or a device speaks.
type Protocol string

// The protocols of the stand-in and of the devices.
const (
	IMAP Protocol = "imap"
	POP3 Protocol = "pop3"
)

// Personality is one of the two generations of Exchange's front end. [Classic] takes passwords and so also
// stands for an Exchange on premises; [TCPProxy] takes tokens only.
type Personality int

// The two generations that were seen in 2026.
const (
	Classic Personality = iota
	TCPProxy
)

// String returns the name by which the facts know the personality.
func (p Personality) String() string {
	if p == TCPProxy {
		return "tcpproxy"
	}
	return "classic"
}

const (
	imapSigningOff = "* BYE Microsoft Exchange Server IMAP4 server signing off."
	imapTooMany    = "* BYE Connection closed. 14"
	imapIdled      = "* BYE Connection is closed. 13"
	imapExpired    = "* BYE Session invalidated - AccessTokenExpired"
	// The name and version were seen in logs of Exchange; that Online says the same is from memory.
	imapID          = `* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")`
	throttledCloses = "Request is throttled. Suggested Backoff Time: 89117 milliseconds"
	throttledStays  = "Request is throttled. Suggested Backoff Time: 299609 milliseconds"

	popSigningOff   = "+OK Microsoft Exchange Server POP3 server signing off."
	popState        = "-ERR Command is not valid in this state."
	popGarbage      = "-ERR Protocol error. 19"
	popCloses       = "-ERR Protocol error. Connection is closed. 10"
	popBadToken     = "-ERR Authentication failure: unknown user name or bad password."
	popBadPassword  = "-ERR Logon failure: unknown user name or bad password."
	popTokenOK      = "+OK User successfully authenticated."
	popPasswordOK   = "+OK User successfully logged on." // from memory of Exchange Server
	maxTCPProxyPOP3 = 4096                               // a longer token is a protocol error on POP3's new front end
)

// frontEnd is the base64 of the UTF-16LE name of a front end, as Exchange's greetings carry it.
func frontEnd() string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune("XX0PR01CA0001.EXAMPLE.PROD.OUTLOOK.COM")) {
		raw = append(raw, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (p Personality) greeting(protocol Protocol) string {
	name := " [" + frontEnd() + "]"
	switch {
	case protocol == IMAP && p == Classic:
		return "* OK The Microsoft Exchange IMAP4 service is ready." + name
	case protocol == IMAP:
		return "* OK Microsoft Exchange IMAP4 service ready. 00000000-0000-4000-8000-000000000000 (tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE)" + name
	case p == Classic:
		return "+OK The Microsoft Exchange POP3 service is ready." + name
	}
	return "+OK Microsoft Exchange POP3 server ready (tcpproxy/15.20.9137.005)." + name
}

// imapCapabilities is the list before login; before STARTTLS it is that of an Exchange on premises.
func (p Personality) imapCapabilities(encrypted bool) string {
	switch {
	case !encrypted:
		return "* CAPABILITY IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS UIDPLUS MOVE ID CHILDREN IDLE NAMESPACE LITERAL+"
	case p == TCPProxy:
		return "* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
	}
	return "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
}

func (p Personality) imapCapabilitiesAfterLogin() string {
	if p == TCPProxy {
		return "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT ENABLE IMAP4rev2 CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+"
	}
	return "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
}

// imapContinuation asks for a SASL response. The facts show `+`; RFC 3501 wants a space behind it. Both are said, one a personality.
func (p Personality) imapContinuation() string {
	if p == TCPProxy {
		return "+ "
	}
	return "+"
}

// popCapabilities is the answer to CAPA. That passwords vanish from the newer front end's list, as they did on IMAP, is a guess.
func (p Personality) popCapabilities(encrypted bool) []string {
	switch {
	case !encrypted:
		return []string{"TOP", "UIDL", "STLS"}
	case p == TCPProxy:
		return []string{"TOP", "UIDL", "SASL XOAUTH2"}
	}
	return []string{"TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER"}
}
