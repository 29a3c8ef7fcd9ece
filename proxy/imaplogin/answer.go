package imaplogin

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"drawbridge/proxy/login"
)

// status is a status response of an upstream (RFC 9051, section 7.1).
type status struct {
	imap.StatusResponse
	args string // behind the code in its brackets
}

// parseStatus reads what stands behind the tag: "NO [CODE args] text". Brackets at the end of the text, where Exchange
// puts the name of its front end, are no code.
func parseStatus(s string) status {
	word, text, _ := strings.Cut(s, " ")
	r := status{StatusResponse: imap.StatusResponse{Type: imap.StatusResponseType(strings.ToUpper(word)), Text: text}}
	inside, found := strings.CutPrefix(text, "[")
	code, rest, closed := strings.Cut(inside, "]")
	if !found || !closed {
		return r
	}
	code, r.args, _ = strings.Cut(code, " ")
	r.Code, r.Text = imap.ResponseCode(strings.ToUpper(code)), strings.TrimLeft(rest, " ")
	return r
}

// kinds are the answers that a login may have (RFC 9051, section 7.1).
var kinds = map[imap.StatusResponseType]login.AnswerKind{
	imap.StatusResponseTypeOK:  login.AnswerOK,
	imap.StatusResponseTypeNo:  login.AnswerNo,
	imap.StatusResponseTypeBad: login.AnswerBad,
}

// answer is what is judged of the answer to a login.
func (a taggedAnswer) answer() login.Answer {
	return login.Answer{Protocol: "IMAP", Kind: kinds[a.Type], Code: string(a.Code), Text: a.Text, Sent: a.sent}
}

// The bounds of what an upstream may say for people's eyes while it answers one login.
const (
	maxAlerts = 8
	maxAlert  = 1000 // bytes of a line
)

// hearAlert keeps an [ALERT], which must be shown to people (RFC 3501, section 7.1), whatever word it comes with.
func (u *upstream) hearAlert(s status) {
	if s.Code != imap.ResponseCodeAlert || len(u.notes.Alerts) == maxAlerts {
		return
	}
	line := string(s.Type) + " " + withCode(s.Code, s.Text)
	u.notes.Alerts = append(u.notes.Alerts, line[:min(len(line), maxAlert)])
}
