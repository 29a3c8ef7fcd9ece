package login_test

import (
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
		"lockwood is busy":                                             login.Unavailable, // not the account's name

		"Too many arguments":                    unknown,
		"Protocol error. 19":                    unknown,
		"Command Argument Error. 12":            unknown,
		"Unsupported authentication mechanism.": unknown,
		"Unknown command":                       unknown,
		"Command is not valid in this state.":   unknown,
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
