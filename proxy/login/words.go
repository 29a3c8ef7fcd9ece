package login

import (
	"regexp"
	"strings"
)

// words are what servers say where no response code says it, in lower case, each with one place where it was read: a project and its
// file, or a report. A phrase is a regular expression and matches anywhere, as the contract has it ("ServerBusy"), unless it says
// where a word begins or ends: "login user" is nothing in use.
type words []struct{ phrase, source string }

// unknownForms say that the server does not know the command, the mechanism, or the arguments that it came with, or does not take them
// on this connection. They are asked first: "Too many arguments" is no busy server.
var unknownForms = words{
	{`argument`, "imapsync/imapsync#389: Command Argument Error; Kopano-dev/kopano-core gateway/POP3.cpp"},
	{`protocol error`, "getmail6/getmail6#256, freescout-help-desk/freescout#2810: Exchange, with a number"},
	{`not valid in this state`, "zone-eu/wildduck lib/pop3/connection.js; Exchange"},
	{`invalid state`, "flourishlib/flourish-classes#145: Exchange"},
	{`syntax error`, "notqmail/notqmail qmail-pop3d.c; cyrusimap/cyrus-imapd imap/imap_err.et"},
	{`parse error`, "Zimbra/zm-mailbox common/src/java/com/zimbra/common/service/ServiceException.java"},
	{`unknown command`, "Zimbra/zm-mailbox store/src/java/com/zimbra/cs/pop3/Pop3Handler.java; l7-filter/l7-protocols protocols/pop3.pat"},
	{`unknown authorization state command`, "jonabbey/panda-imap src/ipopd/ipop3d.c"},
	{`command unknown`, "grommunio/gromox mra/pop3/resource.cpp"},
	{`invalid command`, "svarshavchik/courier-libs imap/pop3login.c; hmailserver/hmailserver#230, to AUTH"},
	{`bad command`, "zone-eu/wildduck lib/pop3/connection.js"},
	{`does not compute`, "dbmail/dbmail src/pop3.c"},
	{`unrecogni[sz]ed`, "jonabbey/panda-imap src/imapd/imapd.c; cyrusimap/cyrus-imapd imap/pop3d.c; with s: g8bpq/linbpq MailTCP.c"},
	{`command not recogni[sz]ed`, "ruby/net-pop test/net/pop/test_pop.rb, to AUTH; a user who is not recognized is another matter"},
	{`not implemented`, "jstedfast/MailKit#1954: Seznam"},
	{`unimplemented`, "notqmail/notqmail qmail-pop3d.c; bruceg/mailfront pop3-response.c"},
	{`authorization first`, "notqmail/notqmail qmail-popup.c, to whatever is not USER or PASS"},
	{`not supported`, "Zimbra/zm-mailbox store/src/java/com/zimbra/cs/pop3/Pop3Handler.java; jonabbey/panda-imap src/ipopd/ipop3d.c"},
	{`unsupported`, "hmailserver/hmailserver hmailserver/source/Server/IMAP/IMAPCommandAuthenticate.cpp; Dovecot"},
	{`\bno (auth )?mechanism`, "cyrusimap/cyrus-sasl lib/common.c; dbmail/dbmail src/pop3.c"},
	{`mechanism too weak`, "cyrusimap/cyrus-sasl lib/common.c"},
	{`encryption needed`, "cyrusimap/cyrus-sasl lib/common.c"},
	{`invalid authentication mechanism`, "dbmail/dbmail src/imapcommands.c"},
	{`authenticate is not enabled`, "hmailserver/hmailserver hmailserver/source/Server/IMAP/IMAPCommandAuthenticate.cpp"},
	{`cleartext logins disabled`, "Zimbra/zm-mailbox store/src/java/com/zimbra/cs/imap/ImapHandler.java"},
	{`plaintext authentication disallowed`, "dovecot/core src/pop3-login/client-authenticate.c, where it had no codes yet"},
	{`only available under a layer`, "cyrusimap/cyrus-imapd imap/imapd.c"},
	{`(start)?tls required`, "svarshavchik/courier-libs imap/pop3login.c, imap/imaplogin.c"},
}

// passingFaults say that the server cannot take a login now, whatever the password.
//
// The contract names the first eleven, with their false friends: tpop3d says "Lies! Try again!" of a wrong password
// (colinmkeith/tpop3d pop3.c), hMailServer "Too many invalid logon attempts" behind "Invalid user name or password" at the last
// one, and one text of QQ has "system is busy" among all the reasons that there may be. What comes behind them has none known.
var passingFaults = words{
	{`unavailable`, "jstedfast/MailKit#333: Exchange 2010, Server Unavailable. 15, to AUTHENTICATE; cyrusimap/cyrus-sasl lib/common.c"},
	{`basic authentication is disabled`, "Exchange Online: the password may well be right"},
	{`throttled`, "simonrob/email-oauth2-proxy#191: Exchange Online, with the time to wait"},
	{`lock`, "RFC 1939, section 7; heimdal/heimdal appl/popper/pop_dropcopy.c; altn.com FAQ 247: MDaemon; mscdex/node-imap#799: " +
		"Outlook.com, an account that is blocked until its owner logs in with a browser"},
	{`busy`, "heimdal/heimdal appl/popper/pop_dropcopy.c, as in qpopper; gordano.com knowledge base, alert 8204"},
	{`too many`, "cyrusimap/cyrus-imapd imap/pop3d.c, without a code; grommunio/gromox mra/imap/resource.cpp"},
	{`temporar`, "svarshavchik/courier-libs imap/pop3login.c; dovecot/core src/login-common/login-common.h"},
	{`try again`, "svarshavchik/courier-libs imap/pop3login.c; Zimbra/zm-mailbox store/src/java/com/zimbra/cs/pop3/Pop3Handler.java"},
	{`internal`, "modoboa/modoboa-webmail#51: Dovecot, to LOGIN; grommunio/gromox mra/pop3/resource.cpp"},
	{`system error`, "mailpile/Mailpile#2242, taken for a wrong password; heimdal/heimdal appl/popper/pop_dropcopy.c"},
	{`maintenance`, "Zimbra/zm-mailbox store/src/java/com/zimbra/cs/pop3/Pop3Handler.java"},

	{`service not available`, "jonabbey/panda-imap src/imapd/imapd.c: Service not available"},
	{`exclusive access`, "365seal.com: Domino, Unable to gain exclusive access to mail drop"},
	{`\bin use\b`, "jonabbey/panda-imap src/ipopd/ipop3d.c; horms/perdition#4"},
	{`exceeded`, "dovecot/core src/login-common/sasl-server.c: connections from user+IP; cyrusimap/cyrus-imapd imap/imap_err.et: storage"},
	{`try later`, "gordano.com knowledge base, alert 8204"},
	{`system i/o error`, "cyrusimap/cyrus-imapd imap/imap_err.et"},
	{`system failure`, "Zimbra/zm-mailbox common/src/java/com/zimbra/common/service/ServiceException.java"},
	{`server error`, "Enough-Software/enough_mail_app#61: Yahoo; hmailserver/hmailserver POP3Connection.cpp"},
	{`server configuration`, "qmail-ldap/qmail-ldap qmail-popup.c: error in server configuration"},
	{`generic failure`, "cyrusimap/cyrus-sasl lib/common.c: Cyrus, of a dead saslauthd; of a wrong password, authentication failure"},
	{`transient failure`, "cyrusimap/cyrus-sasl lib/common.c"},
	{`\bno memory`, "cyrusimap/cyrus-sasl lib/common.c"},
	{`out of memory`, "svarshavchik/courier-libs imap/pop3login.c; notqmail/notqmail qmail-popup.c"},
	{`child crashed`, "notqmail/notqmail qmail-popup.c"},
	{`unable to (open|contact|start|fork|write|scan)`, "qmail-ldap/qmail-ldap qmail-popup.c; notqmail/notqmail qmail-pop3d.c; " +
		"jonabbey/panda-imap src/ipopd/ipop3d.c. Unable to log on would be another matter"},
	{`can't (open|create)`, "mingodad/citadel citadel/modules/pop3/serv_pop3.c; heimdal/heimdal appl/popper/pop_dropcopy.c"},
	{`can(no|')t get (mail list|mailbox location)`, "Kopano-dev/kopano-core gateway/POP3.cpp; grommunio/gromox mra/pop3/resource.cpp"},
	{`failed to open`, "grommunio/gromox mra/pop3/resource.cpp: inbox index"},
	{`\bmidb\b`, "grommunio/gromox mra/pop3/resource.cpp: its index of mails"},
	{`corrupt`, "qmail-ldap/qmail-ldap qmail-popup.c: mailbox is corrupted; cyrusimap/cyrus-imapd imap/imap_err.et"},
	{`backend server`, "cyrusimap/cyrus-imapd imap/pop3d.c: a front end's own login behind it, without a code"},
	{`could not connect`, "horms/perdition perdition/perdition.c"},
	{`negotiation failure`, "horms/perdition perdition/perdition.c"},
	{`while proxying`, "Zimbra/zm-mailbox common/src/java/com/zimbra/common/service/ServiceException.java"},
	{`unreachable`, "qmail-ldap/qmail-ldap qmail-popup.c; errno, handed on by Zimbra in its system failures"},
	{`connection refused`, "errno, handed on likewise"},
	{`timed out`, "errno, handed on likewise"},
	{`timeout`, "grommunio/gromox mra/pop3/resource.cpp"},
	{`no space left`, "errno, behind the words of heimdal/heimdal appl/popper/pop_dropcopy.c"},
	{`disk quota`, "errno, handed on likewise"},
	{`shutting down`, "dovecot/core src/pop3-login/client.c, where it had no codes yet"},
}

// wrongPasswords are said of a wrong password, whatever passing fault seems to stand in them.
var wrongPasswords = words{
	{`wrong username or password, or administratively blocked`, "grommunio/gromox mra/pop3/resource.cpp, mra/imap/resource.cpp"},
}

// The tables as patterns.
var (
	unknownForm   = unknownForms.pattern()
	passingFault  = passingFaults.pattern()
	wrongPassword = wrongPasswords.pattern()
)

// pattern matches where one of the phrases stands in text that is in lower case.
func (w words) pattern() *regexp.Regexp {
	phrases := make([]string, len(w))
	for i := range w {
		phrases[i] = w[i].phrase
	}
	return regexp.MustCompile(strings.Join(phrases, "|"))
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
