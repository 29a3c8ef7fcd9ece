package pop3login

import (
	"strings"

	"drawbridge/proxy"
)

// First wants to see nothing: a POP3 device says nothing of itself after login.
func (l *login) First([]byte) bool { return false }

// Last notes whether the device said goodbye, and the line with which the upstream ended the session.
func (l *login) Last(device, upstream []byte) {
	if strings.EqualFold(proxy.LastLine(device), "QUIT") {
		l.notes.LoggedOut = true
	}
	if line := proxy.LastLine(upstream); strings.HasPrefix(line, "-ERR") {
		l.notes.UpstreamSays = line
	}
}
