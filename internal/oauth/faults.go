package oauth

import (
	"strings"
	"unicode"

	"drawbridge/internal/protocol"
)

// maxMailbox is the longest address that anybody has (RFC 5321, section 4.5.3.1), in bytes.
const maxMailbox = 320

// check tells what is wrong with a request before anybody is asked.
func (s *Source) check(r Request) *Error {
	if _, ok := protocol.Of(r.Protocol); !ok {
		return &Error{Class: Configuration, Sentence: s.narrator.sentence("the protocol is neither imap nor pop3", "configure one of them")}
	}
	switch s.settings.Flow {
	case DeviceCode:
		if !address(r.Mailbox) {
			return &Error{Class: Configuration, Sentence: s.narrator.sentence("the mailbox is no address", "give the account a mailbox")}
		}
	case Password:
		if !address(r.Mailbox) || r.Password.Empty() {
			return &Error{Class: WrongPassword, Sentence: s.narrator.sentence("the login is no address, or has no password",
				"give the device the mailbox's address and password")}
		}
	}
	return nil
}

// address reports whether s may be a user's name in Entra ID.
func address(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= maxMailbox && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > unicode.MaxASCII || r == 0x7f
	})
}

// unchanged is a forced refresh that brought the same token: the metadata service keeps tokens for up to a day.
func (n narrator) unchanged() *Error {
	return &Error{Class: Unavailable, Sentence: n.sentence("it still gives the token that Exchange refused",
		"tokens are kept for up to 24 hours there, so what was granted meanwhile is not in it: wait, or restart the machine; "+
			"run `drawbridge doctor` to see what is in it")}
}

// stale is a token that cannot be replaced, since it took another's place a moment ago, or died while it was waited for.
func (n narrator) stale() *Error {
	return &Error{Class: Unavailable, Sentence: n.sentence("Exchange refused a token that was fetched just now",
		"run `drawbridge doctor`: the permission on the mailbox, or POP and IMAP on it, is the usual cause")}
}

func (n narrator) unusable(err error) *Error {
	return &Error{Class: Unavailable, Sentence: n.sentence("it gave "+err.Error(), "check authority and this machine's clock (NTP)")}
}

func (n narrator) full() *Error {
	return &Error{Class: Unavailable, Sentence: n.sentence("too many mailboxes ask at once", mendWait)}
}

func (n narrator) closing() *Error {
	return &Error{Class: Unavailable, Sentence: n.sentence("the bridge is stopping", "wait until it runs again")}
}
