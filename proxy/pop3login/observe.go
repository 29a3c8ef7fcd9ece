package pop3login

import (
	"strings"

	"drawbridge/proxy/login"
)

// First wants to see nothing: a POP3 device says nothing of itself after login.
func (l *device) First([]byte) bool { return false }

// Last notes whether the device said goodbye, and returns the line with which the upstream ended the session.
func (l *device) Last(device, upstream []byte) (said string) {
	if strings.EqualFold(login.LastLine(device), "QUIT") {
		l.notes.LoggedOut = true
	}
	if line := login.LastLine(upstream); strings.HasPrefix(line, "-ERR") {
		return line
	}
	return ""
}
