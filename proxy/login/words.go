package login

import (
	"regexp"
	"strings"
)

// words are what upstreams say where no response code says it, in lower case, each with where it was read. They are looked
// for anywhere in the text and in any case.
type words []struct{ phrase, source string }

// unknownForms say that the server does not know the command, the mechanism, or the arguments that it came with. They are asked
// first: "Too many arguments" is no busy server.
var unknownForms = words{
	{"argument", "Exchange: Command Argument Error. 12; POP3 servers without initial responses: Too many arguments"},
	{"protocol error", "Exchange POP3: Protocol error. 19"},
	{"not valid in this state", "Exchange: Command is not valid in this state."},
	{"command is not valid", "Exchange 2003"},
	{"syntax", "IMAP servers of many makers: Syntax error"},
	{"parse", "Zimbra: parse error"},
	{"unknown command", "Dovecot, qpopper, RFC 1939's examples in the field"},
	{"command unknown", "Mercury/32"},
	{"invalid command", "Courier POP3, Cyrus POP3: Invalid command"},
	{"bad command", "UW IMAP: Bad command"},
	{"unrecognized", "UW IMAP: Command unrecognized; Cyrus: Unrecognized command"},
	{"unrecognised", "the same in British English"},
	{"not recognized", "hMailServer, MDaemon"},
	{"not recognised", "the same in British English"},
	{"not implemented", "GroupWise, Lotus Domino"},
	{"unimplemented", "qpopper"},
	{"not supported", "hMailServer: authentication type not supported"},
	{"unsupported", "Dovecot: Unsupported authentication mechanism."},
	{"no mechanism", "Cyrus SASL: no mechanism available"},
	{"unknown mechanism", "Cyrus SASL"},
	{"invalid mechanism", "Courier"},
	{"invalid authentication mechanism", "Zimbra"},
	{"login is disabled", "Dovecot, IMAP servers that forgot LOGINDISABLED"},
	{"command disabled", "Courier"},
}

// passingFaults say that the server cannot take a login now, whatever the password.
var passingFaults = words{
	{"unavailable", "Exchange: Server Unavailable. 15"},
	{"not available", "Domino, GroupWise"},
	{"throttled", "Exchange: Request is throttled. Suggested Backoff Time: 89117 milliseconds"},
	{"lock", "RFC 1939, section 5: maildrop already locked; perdition#4: unable to lock maildrop"},
	{"in use", "qpopper, Solid-POP3: mailbox in use"},
	{"already open", "MDaemon, Mercury/32"},
	{"busy", "Mailpile#2242, Mew#220: Server Busy"},
	{"overload", "the same at large providers"},
	{"too many", "Dovecot, Courier: too many connections, too many login attempts"},
	{"exceeded", "Gmail, Yahoo: limit exceeded"},
	{"temporar", "Dovecot: Temporary authentication failure."},
	{"try again", "Courier: Please try again later"},
	{"try later", "mailers with a full queue"},
	{"please wait", "qpopper"},
	{"internal", "Dovecot: Internal error occurred; Exchange: Internal server error"},
	{"system error", "MailKit#532, Cyrus: System I/O error is the next line"},
	{"system i/o error", "Cyrus"},
	{"server error", "Exchange, Domino"},
	{"backend", "Gmail: Backend error"},
	{"maintenance", "providers at night"},
	{"shutting down", "Dovecot, Cyrus"},
	{"starting up", "Exchange, Domino"},
	{"timed out", "LDAP and SQL behind a server"},
	{"timeout", "likewise"},
	{"not responding", "Dovecot: the authentication server is"},
	{"unreachable", "perdition, nginx: the server behind is"},
	{"connection refused", "likewise"},
	{"connect to", "perdition, nginx: could not connect to"},
	{"out of memory", "Cyrus, UW"},
	{"disk", "Courier, qpopper: no space left on the disk"},
	{"no space left", "errno, handed on"},
	{"resource", "errno, handed on: resource temporarily unavailable"},
	{"unable to open", "qpopper, UW: the mailbox, not the account"},
	{"cannot open", "likewise"},
	{"can't open", "likewise"},
	{"could not open", "likewise"},
}

// in reports whether one of the phrases is in text, which is in lower case.
func (w words) in(text string) bool {
	for _, word := range w {
		if strings.Contains(text, word.phrase) {
			return true
		}
	}
	return false
}

// wordsOf is the text of an answer in lower case, without the login name that it may quote: an account named stock-internal is no
// passing fault.
func wordsOf(text, name string) string {
	text = strings.ToLower(text)
	for _, quoted := range []string{strings.ToLower(name), UserOf(name)} {
		if quoted != "" {
			text = wholeWord(quoted).ReplaceAllString(text, " ")
		}
	}
	return text
}

// wholeWord finds s where it is no part of a longer word.
func wholeWord(s string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^a-z0-9])` + regexp.QuoteMeta(s) + `(?:$|[^a-z0-9])`)
}
