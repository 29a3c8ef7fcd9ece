package pop3login

import (
	"strings"

	"drawbridge/proxy/login"
)

// answer is what is judged of a line that answers a login (RFC 2449, section 8). sent says that something of the credential had
// gone up before.
func answer(line string, sent bool) login.Answer {
	a := login.Answer{Protocol: "POP3", Sent: sent}
	text, isErr := login.CutPrefixFold(line, "-ERR")
	switch {
	case isOK(line):
		a.Kind = login.AnswerOK
	case isErr:
		a.Kind, a.Text = login.AnswerNo, strings.TrimSpace(text)
		a.Code = responseCode(a.Text)
	}
	return a
}

// responseCode is the code in brackets at the start of a refusal, in upper case. Exchange's brackets at the end are none.
func responseCode(text string) string {
	inside, found := strings.CutPrefix(text, "[")
	if !found {
		return ""
	}
	code, _, found := strings.Cut(inside, "]")
	if !found || strings.ContainsAny(code, " =+") {
		return ""
	}
	return strings.ToUpper(code)
}
