package login

import "strings"

// Answer is what an upstream said to a login, taken apart by its protocol.
type Answer struct {
	Protocol string // for people: IMAP, POP3
	Kind     AnswerKind
	Code     string // in upper case, without its brackets; empty: none
	Text     string // behind it
	Sent     bool   // something of the credential had gone up before
}

// AnswerKind is the first word of an Answer.
type AnswerKind int

// The kinds of an Answer.
const (
	AnswerForeign AnswerKind = iota // nothing that the protocol knows here
	AnswerOK
	AnswerNo  // NO, -ERR
	AnswerBad // BAD, which POP3 does not have
)

// Judge says what a means for a login by m: nil where it let the session in. unknown says that the upstream did not know the
// form of the login, so that another may do. Only what can be nothing else is bad credentials.
func Judge(a Answer, m Method) (refused *Refusal, unknown bool) {
	switch {
	case a.Kind == AnswerOK && a.Sent:
		return nil, false
	case a.Kind == AnswerForeign, a.Kind == AnswerOK: // an OK before it knew anything lets nobody in
		return Refuse(Unavailable, "the upstream answers the login with something that its protocol does not have, see upstream_says: "+
			"check its address and port"), false
	case a.Kind == AnswerNo && a.Code != "":
		return byCode(a, m), false
	}
	switch text := wordsOf(a.Text, m.account()); {
	case strings.Contains(text, noPasswords):
		return Refuse(Unavailable, sentenceNoPasswords), false
	case unknownForm.MatchString(text):
		return Refuse(Unavailable, sentenceUnknownForm), true
	case passingFault.MatchString(text) && !wrongPassword.MatchString(text):
		return Refuse(Unavailable, sentencePassing), false
	case a.Kind == AnswerBad, !a.Sent:
		return Refuse(Unavailable, sentenceUnknownForm), true
	}
	r := wrong(a, m)
	r.Uncoded = true
	return r, false
}

// noPasswords is how Exchange Online says that no password is taken, be it right or wrong.
const noPasswords = "basic authentication is disabled"

const (
	sentenceNoPasswords = "the upstream takes no passwords any more (basic authentication is disabled): let the bridge log in there by " +
		"oauth2 (auth), nothing needs to be changed in the device"
	sentencePassing = "the upstream refuses the login, and not because of the password, see upstream_says: nothing needs to be changed " +
		"in the device"
	sentenceUnknownForm = "the upstream understands none of the forms of a login that it announces, see upstream_says: check that it takes " +
		"logins with this protocol, nothing needs to be changed in the device"
	sentenceTooMany = "the upstream has too many sessions of this mailbox, see upstream_says: let fewer devices read it at once, or " +
		"raise its limit there"
)

// code is what a response code of a refused login means (RFC 5530; RFC 2449, section 8; RFC 3206). For the record; the device
// reads the reason's own text.
type code struct {
	reason   Reason
	sentence string
}

var codes = map[string]code{
	"AUTHENTICATIONFAILED": {reason: BadCredentials},
	"AUTH":                 {reason: BadCredentials},
	"INUSE":                {TooManySessions, sentenceTooMany},
	"IN-USE":               {TooManySessions, sentenceTooMany},
	"LIMIT":                {TooManySessions, sentenceTooMany},
	"EXPIRED": {Unavailable, "the upstream says that the password has expired, see upstream_says: set a new one there, and then in " +
		"the device"},
	"CONTACTADMIN": {Unavailable, "the upstream refuses the account until its administrator has looked at it, see upstream_says: unlock " +
		"or mend it there"},
	"SYS/PERM": {Unavailable, "the upstream cannot serve this mailbox until it is mended there, see upstream_says: nothing needs to be " +
		"changed in the device"},
	"AUTHORIZATIONFAILED": {Unavailable, "the upstream knows the password and gives no right to this mailbox, see upstream_says: give it " +
		"there"},
	"PRIVACYREQUIRED": {Unavailable, "the upstream wants more encryption than this connection has, see upstream_says: look at its " +
		"settings for TLS"},
	"LOGIN-DELAY": {Unavailable, "the upstream wants more time between two logins (LOGIN-DELAY): let the device poll less often"},
	"ALERT":       {Unavailable, "the upstream refuses the login with a message for people, see upstream_says: do what it says"},
	"WEBALERT":    {Unavailable, "the upstream refuses the login until somebody has logged in at its web page, see upstream_says: do so"},
}

// byCode is the refusal for a response code; one that is not known says something of the server.
func byCode(a Answer, m Method) *Refusal {
	c, known := codes[a.Code]
	switch {
	case !known:
		return Refuse(Unavailable, sentencePassing)
	case c.reason == BadCredentials:
		return wrong(a, m)
	}
	return Refuse(c.reason, "%s", c.sentence)
}

// wrong is the refusal for bad credentials.
func wrong(a Answer, m Method) *Refusal {
	if m.Token() {
		return Refuse(BadCredentials, "the upstream refuses the token: it has run out, or gives no right to this mailbox "+
			"over %s; sign in anew in the "+
			"program that it came from, or give its user the right", a.Protocol)
	}
	return Refuse(BadCredentials, "the upstream refuses the name or the password: check both in the device")
}
