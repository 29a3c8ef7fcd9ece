package login_test

import (
	"strings"
	"testing"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

func TestJudge_WordsWithoutACode(t *testing.T) {
	const unknown = login.Reason(-1)
	for said, want := range map[string]login.Reason{
		"":                                     login.BadCredentials,
		"LOGIN failed.":                        login.BadCredentials,
		"AUTHENTICATE failed.":                 login.BadCredentials,
		"invalid password":                     login.BadCredentials,
		"Invalid login or password":            login.BadCredentials,
		"never heard of mailbox name":          login.BadCredentials,
		"Login failed: authentication failure": login.BadCredentials,
		"Logon failure: unknown user name or bad password.":        login.BadCredentials,
		"Username and password not accepted.":                      login.BadCredentials,
		"Password supplied for busy-lock@contoso.com is incorrect": login.BadCredentials, // the account's own name
		"No such user: BUSY-LOCK":                                  login.BadCredentials,

		// What holds a word of the table inside of another word, or what passing faults say in other company.
		"Wrong username or password, or administratively blocked": login.BadCredentials, // gromox
		"invalid login user":                  login.BadCredentials,
		"Login user unknown":                  login.BadCredentials,
		"not found in user database":          login.BadCredentials,
		"username or password not recognized": login.BadCredentials,
		"account disabled":                    login.BadCredentials,
		"user record incorrect":               login.BadCredentials, // qmail-ldap
		"authorization failed":                login.BadCredentials, // qmail-popup
		"pop access not enabled for account":  login.BadCredentials, // Zimbra
		"your password has expired":           login.BadCredentials,
		"POP3 is not available to this user":  login.BadCredentials,
		"Login failed: user not found":        login.BadCredentials, // Cyrus
		"Password incorrect":                  login.BadCredentials, // qpopper
		"That is NOT the password.":           login.BadCredentials, // Citadel
		"Unable to log on.":                   login.BadCredentials,

		"maildrop already locked":                                      login.Unavailable,
		"unable to lock maildrop":                                      login.Unavailable,
		"-- Mailbox in use by another session":                         login.Unavailable,
		"Server Busy":                                                  login.Unavailable,
		"System error":                                                 login.Unavailable,
		"SYSTEM I/O ERROR":                                             login.Unavailable,
		"Too many connections from your address":                       login.Unavailable,
		"Temporary authentication failure. [mail:1]":                   login.Unavailable,
		"Please try again later":                                       login.Unavailable,
		"Internal server error":                                        login.Unavailable,
		"down for maintenance":                                         login.Unavailable,
		"Basic authentication is disabled.":                            login.Unavailable,
		"Request is throttled. Suggested Backoff Time: 1 milliseconds": login.Unavailable,
		"LDAP query timed out":                                         login.Unavailable,
		"LOGIN failed. Account is blocked. Login to your account via a web browser.": login.Unavailable, // Outlook.com
		"lockwood is busy": login.Unavailable, // not the account's name

		// Cyrus and its SASL.
		"Login failed: generic failure":                    login.Unavailable,
		"Login failed: transient failure (e.g., weak key)": login.Unavailable,
		"Login failed: no memory available":                login.Unavailable,
		"Too many open connections (3 of 2 for anna)":      login.Unavailable,
		"Authentication to backend server failed":          login.Unavailable,
		// Domino, Exchange, Kopano, Citadel, Gordano, hMailServer, Courier.
		"Unable to gain exclusive access to mail drop":         login.Unavailable,
		"maildrop opened for exclusive access by another user": login.Unavailable,
		"Server Unavailable. 15":                               login.Unavailable,
		"Can't get mail list":                                  login.Unavailable,
		"Can't open your mailbox":                              login.Unavailable,
		"Busy please try later":                                login.Unavailable,
		"Your mailbox is already locked":                       login.Unavailable,
		"Temporary problem, please try again later":            login.Unavailable,
		// qmail and qmail-ldap.
		"aack, child crashed":                    login.Unavailable,
		"unable to contact authorization server": login.Unavailable,
		"unable to start pop daemon":             login.Unavailable,
		"error in server configuration":          login.Unavailable,
		"mailbox is corrupted":                   login.Unavailable,
		"mailhost is unreachable":                login.Unavailable,
		// Zimbra, gromox, perdition, old Dovecot.
		"system failure: exception":                        login.Unavailable,
		"error while proxying request to target server: x": login.Unavailable,
		"cannot get mailbox location from database":        login.Unavailable,
		"failed to open/read inbox index":                  login.Unavailable,
		"midb read/write error":                            login.Unavailable,
		"Connection Negotiation Failure":                   login.Unavailable,
		"Could not connect to server":                      login.Unavailable,
		"Server shutting down.":                            login.Unavailable,
		// The popper of Heimdal, UW.
		"flock: '/var/mail/x': Bad file number":                   login.Unavailable,
		"Maildrop lock busy!  Is another session active?":         login.Unavailable,
		"System error, can't open temporary file, do you own it?": login.Unavailable,
		"Can't get lock.  Mailbox in use":                         login.Unavailable,
		"Unable to open user's INBOX":                             login.Unavailable,
		// Of a wrong password too, but the contract's words stand in them.
		"Lies! Try again!": login.Unavailable, // tpop3d
		"Invalid user name or password. Too many invalid logon attempts.": login.Unavailable, // hMailServer

		"Too many arguments":                    unknown,
		"Protocol error. 19":                    unknown,
		"Command Argument Error. 12":            unknown,
		"Unsupported authentication mechanism.": unknown,
		"Unknown command":                       unknown,
		"Command is not valid in this state.":   unknown,

		"IMAP AUTHENTICATE is not enabled.":                                        unknown, // hMailServer
		"mechanism not supported":                                                  unknown,
		"no AUTH mechanisms supported":                                             unknown, // dbmail
		"your command does not compute":                                            unknown,
		"Invalid authentication mechanism specified":                               unknown,
		"no mechanism available":                                                   unknown, // Cyrus
		"Login only available under a layer":                                       unknown,
		"cleartext logins disabled":                                                unknown, // Zimbra
		"Plaintext authentication disallowed on non-secure (SSL/TLS) connections.": unknown, // Dovecot 1
		"TLS required to log in.":                                                  unknown, // Courier
		"STARTTLS required":                                                        unknown,
		"Unknown AUTHORIZATION state command":                                      unknown, // UW
		"authorization first":                                                      unknown, // qmail-popup
		"unimplemented":                                                            unknown, // qmail-pop3d
		"command unknown":                                                          unknown, // gromox
		"Invalid command in current state.":                                        unknown, // hMailServer
		"Unrecognised Command":                                                     unknown, // LinBPQ
		"Protocol error. Connection is closed. 10":                                 unknown, // Exchange
	} {
		m := login.Method{Name: "LOGIN", Password: login.NewPasswordLogin(`Busy-Lock@contoso.com`, secret.New("b"))}
		r, form := login.Judge(login.Answer{Protocol: "POP3", Kind: login.AnswerNo, Text: said, Sent: true}, m)
		if form != (want == unknown) || !form && r.Reason != want {
			t.Errorf("%q: reason %d, unknown %t, want %d (%v)", said, r.Reason, form, want, r)
		}
		if r.Uncoded != (want == login.BadCredentials) {
			t.Errorf("%q: Uncoded is %t", said, r.Uncoded)
		}
		if _, form = login.Judge(login.Answer{Kind: login.AnswerBad, Text: said, Sent: true}, m); form != (want != login.Unavailable) {
			t.Errorf("BAD %q: unknown %t", said, form)
		}
	}
}

func TestJudge_EachWordOfTheContractIsAPassingFault(t *testing.T) {
	for _, word := range []string{
		"unavailable", "basic authentication is disabled", "throttled", "lock", "busy", "too many", "temporary", "temporarily", "try again",
		"internal", "system error", "maintenance",
	} {
		for _, said := range []string{word, strings.ToUpper(word), "Sorry, (" + word + ")", "Server" + word + "1"} {
			m := login.Method{Name: "LOGIN", Password: login.NewPasswordLogin("anna", secret.New("b"))}
			if r, form := login.Judge(login.Answer{Kind: login.AnswerNo, Text: said, Sent: true}, m); form || r.Reason != login.Unavailable {
				t.Errorf("%q: got %v, unknown form %t", said, r, form)
			}
		}
	}
}

func TestJudge_WhatCameBeforeTheCredentialSaysNothingOfIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  login.Answer
		want    login.Reason
		unknown bool
	}{
		{"OK", login.Answer{Kind: login.AnswerOK}, login.Unavailable, false},
		{"no reason", login.Answer{Kind: login.AnswerNo}, login.Unavailable, true},
		{"no such user", login.Answer{Kind: login.AnswerNo, Text: "no such user"}, login.Unavailable, true},
		{"busy", login.Answer{Kind: login.AnswerNo, Text: "busy"}, login.Unavailable, false},
		{"in use", login.Answer{Kind: login.AnswerNo, Code: "IN-USE"}, login.TooManySessions, false},
		{"coded", login.Answer{Kind: login.AnswerNo, Code: "AUTH"}, login.BadCredentials, false},
	} {
		r, unknown := login.Judge(c.answer, login.Method{Name: "PLAIN"})
		if r == nil || r.Reason != c.want || unknown != c.unknown {
			t.Errorf("%s: got %v, unknown %t, want reason %d, %t", c.name, r, unknown, c.want, c.unknown)
		}
	}
}

func TestAnnounced_ACorrectionHoldsForItsListOnly(t *testing.T) {
	a := &login.Announced{}
	a.Correct([]string{"A", "B"}, []string{"A"})
	if holds, less := a.Corrected([]string{"A", "B"}); len(holds) != 1 || !less || len(a.Load()) != 1 {
		t.Errorf("got %q, less %t, %q remembered", holds, less, a.Load())
	}
	if holds, less := a.Corrected([]string{"A", "B", "C"}); len(holds) != 3 || less {
		t.Errorf("another list: got %q, less %t", holds, less)
	}
	a.Store([]string{"A", "B"})
	if holds, less := a.Corrected([]string{"A", "B"}); len(holds) != 2 || less {
		t.Errorf("asked anew: got %q, less %t", holds, less)
	}
}
