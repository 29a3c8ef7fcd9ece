package sandbox

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
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

// frontEnd is the name of a front end, XX0PR01CA0001.EXAMPLE.PROD.OUTLOOK.COM in base64 of UTF-16LE, as Exchange's greetings carry it.
const frontEnd = "WABYADAAUABSADAAMQBDAEEAMAAwADAAMQAuAEUAWABBAE0AUABMAEUALgBQAFIATwBEAC4ATwBVAFQATABPAE8ASwAuAEMATwBNAA=="

func (p Personality) greeting(protocol Protocol) string {
	name := " [" + frontEnd + "]"
	switch {
	case protocol == IMAP && p == Classic:
		return "* OK The Microsoft Exchange IMAP4 service is ready." + name
	case protocol == IMAP:
		return "* OK Microsoft Exchange IMAP4 service ready. 00000000-0000-4000-8000-000000000000 " +
			"(tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE)" + name
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
	enable, initial := "", ""
	if p == TCPProxy {
		enable, initial = "ENABLE IMAP4rev2 ", "BACKENDAUTHENTICATE-IR "
	}
	return "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT " + enable +
		"CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE " + initial + "CHILDREN IDLE NAMESPACE LITERAL+"
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

const exchangeFlags = `(\Seen \Answered \Flagged \Deleted \Draft $MDNSent)`

// exchangeFolders are the lines of LIST by the name that the memory server gives.
var exchangeFolders = map[string]string{
	`INBOX`:           `* LIST (\Marked \HasNoChildren) "/" Inbox`,
	`"Deleted Items"`: `* LIST (\HasNoChildren \Trash) "/" "Deleted Items"`,
	`"Junk Email"`:    `* LIST (\HasNoChildren \Junk) "/" "Junk Email"`,
	`"Drafts"`:        `* LIST (\HasNoChildren \Drafts) "/" Drafts`,
	`"Sent Items"`:    `* LIST (\HasNoChildren \Sent) "/" "Sent Items"`,
}

// rewriteUntagged puts Exchange's words into an untagged line or a continuation request, both without line end.
func rewriteUntagged(line string, p Personality) string {
	for _, r := range []struct{ prefix, line string }{
		{"+ idling", "+ IDLE accepted, awaiting DONE command."},
		{"+ Ready for", "+ Ready for additional command text."},
		{"* CAPABILITY ", p.imapCapabilitiesAfterLogin()},
		{"* BYE Logging out", imapSigningOff},
		{"* FLAGS ", "* FLAGS " + exchangeFlags},
		{"* OK [PERMANENTFLAGS ", "* OK [PERMANENTFLAGS " + exchangeFlags + "] Permanent flags"},
		{"* NAMESPACE ", `* NAMESPACE (("" "/")) NIL NIL`},
	} {
		if strings.HasPrefix(line, r.prefix) {
			return r.line
		}
	}
	_, name, _ := strings.Cut(line, `"/" `)
	if known, ok := exchangeFolders[name]; ok && strings.HasPrefix(line, "* LIST (") {
		return known
	}
	return line
}

// rewriteTagged puts Exchange's words into the answer to a command; the response code of an OK stays.
func rewriteTagged(line, command string) string {
	tag, rest, _ := strings.Cut(line, " ")
	status, text, _ := strings.Cut(rest, " ")
	switch status {
	case "OK":
		return tag + " OK " + responseCode(text) + strings.TrimPrefix(command, "UID ") + " completed."
	case "BAD":
		return tag + " BAD " + badText(text)
	}
	return line
}

// responseCode returns `[…] ` at the beginning of a text, or nothing.
func responseCode(text string) string {
	if end := strings.Index(text, "] "); strings.HasPrefix(text, "[") && end > 0 {
		return text[:end+2]
	}
	return ""
}

func badText(text string) string {
	switch {
	case strings.Contains(text, "only valid in"):
		return "Command received in Invalid state."
	case strings.Contains(text, "Unknown command"):
		return "Command Error. 12"
	}
	return "Command Argument Error. 11"
}

// withoutEnd takes one line end off, CRLF or LF.
func withoutEnd(line []byte) string { return string(trimEnd(line)) }

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

func withEnd(line string) []byte { return []byte(line + "\r\n") }

// estimated is what Exchange Online might think a message of a size has: a few per cent more or less, and never the truth.
func estimated(size int64) int64 {
	off := size/40 + 7
	if size%2 == 0 && size > off {
		return size - off
	}
	return size + off
}

// estimateSize replaces the size in the beginning of a FETCH response: go-imap's server writes it before whatever could
// hold a quoted string or a literal.
func estimateSize(line []byte) []byte {
	before, behind, found := bytes.Cut(line, []byte("RFC822.SIZE "))
	if !found || bytes.Contains(before, []byte("BODY")) || bytes.Contains(before, []byte("ENVELOPE")) {
		return line
	}
	rest := bytes.TrimLeft(behind, "0123456789")
	size, err := strconv.ParseInt(string(behind[:len(behind)-len(rest)]), 10, 64)
	if err != nil {
		return line
	}
	return fmt.Appendf(nil, "%sRFC822.SIZE %d%s", before, estimated(size), rest)
}
