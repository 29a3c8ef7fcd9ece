package imaplogin

import (
	"bytes"
	"strings"

	"drawbridge/proxy/login"
)

// beforeID are the commands after which an ID may still come right after login.
var beforeID = map[string]bool{"CAPABILITY": true, "NOOP": true, "NAMESPACE": true, "ENABLE": true}

// First looks for an ID in what the device says first after login. Literals make it lose the thread.
func (l *device) First(p []byte) bool {
	l.early = append(l.early, p...)
	for {
		line, rest, whole := bytes.Cut(l.early, []byte("\n"))
		if !whole {
			if len(l.early) < login.MaxFirst {
				return true
			}
			break
		}
		l.early = rest
		if !l.firstLine(strings.TrimSuffix(string(line), "\r")) {
			break
		}
	}
	l.early = nil
	return false
}

// firstLine looks at one command and reports whether an ID may still come.
func (l *device) firstLine(line string) bool {
	quiet := &device{notes: &login.Notes{}} // how a device writes after login is not noted
	c := quiet.parseCommand(line)
	if c.word != "ID" {
		return beforeID[c.word]
	}
	if pairs, ok := idArguments(c.scan(quiet.notes.Quirk)); ok && len(pairs) > 0 {
		l.notes.ClientID = pairs
	}
	return false
}

// Last notes whether the device said goodbye, and returns the line with which the upstream ended the session.
func (l *device) Last(device, upstream []byte) (said string) {
	if words := strings.Fields(login.LastLine(device)); len(words) == 2 && strings.EqualFold(words[1], "LOGOUT") {
		l.notes.LoggedOut = true
	}
	if line := login.LastLine(upstream); len(line) >= 6 && strings.EqualFold(line[:6], "* BYE ") {
		return line
	}
	return ""
}
