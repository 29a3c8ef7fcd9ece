package sandbox

import (
	"bytes"
	"strconv"
	"strings"
)

const exchangeFlags = `(\Seen \Answered \Flagged \Deleted \Draft $MDNSent)`

// exchangeFolders are the lines of LIST by the name that the memory server gives.
var exchangeFolders = map[string]string{
	`INBOX`:           `* LIST (\Marked \HasNoChildren) "/" Inbox`,
	`"Deleted Items"`: `* LIST (\HasNoChildren \Trash) "/" "Deleted Items"`,
	`"Junk Email"`:    `* LIST (\HasNoChildren \Junk) "/" "Junk Email"`,
	`"Drafts"`:        `* LIST (\HasNoChildren \Drafts) "/" Drafts`,
	`"Sent Items"`:    `* LIST (\HasNoChildren \Sent) "/" "Sent Items"`,
}

// rewriteUntagged puts Exchange's words into an untagged line or a continuation request, both without line end.
func rewriteUntagged(line string, p Personality) string {
	for _, r := range []struct{ prefix, line string }{
		{"+ idling", "+ IDLE accepted, awaiting DONE command."},
		{"+ Ready for", "+ Ready for additional command text."},
		{"* CAPABILITY ", p.imapCapabilitiesAfterLogin()},
		{"* BYE Logging out", imapSigningOff},
		{"* FLAGS ", "* FLAGS " + exchangeFlags},
		{"* OK [PERMANENTFLAGS ", "* OK [PERMANENTFLAGS " + exchangeFlags + "] Permanent flags"},
		{"* NAMESPACE ", `* NAMESPACE (("" "/")) NIL NIL`},
	} {
		if strings.HasPrefix(line, r.prefix) {
			return r.line
		}
	}
	return rewriteFolder(line)
}

func rewriteFolder(line string) string {
	if !strings.HasPrefix(line, "* LIST (") {
		return line
	}
	_, name, _ := strings.Cut(line, `"/" `)
	if known, ok := exchangeFolders[name]; ok {
		return known
	}
	return line
}

// rewriteTagged puts Exchange's words into the answer to a command; the response code of an OK stays.
func rewriteTagged(line, command string) string {
	tag, rest, _ := strings.Cut(line, " ")
	status, text, _ := strings.Cut(rest, " ")
	switch status {
	case "OK":
		return tag + " OK " + responseCode(text) + strings.TrimPrefix(command, "UID ") + " completed."
	case "BAD":
		return tag + " BAD " + badText(text)
	}
	return line
}

// responseCode returns `[…] ` at the beginning of a text, or nothing.
func responseCode(text string) string {
	if end := strings.Index(text, "] "); strings.HasPrefix(text, "[") && end > 0 {
		return text[:end+2]
	}
	return ""
}

func badText(text string) string {
	switch {
	case strings.Contains(text, "only valid in"):
		return "Command received in Invalid state."
	case strings.Contains(text, "Unknown command"):
		return "Command Error. 12"
	}
	return "Command Argument Error. 11"
}

// withoutEnd takes one line end off, CRLF or LF.
func withoutEnd(line []byte) string { return string(trimEnd(line)) }

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

func withEnd(line string) []byte { return []byte(line + "\r\n") }

var sizeItem = []byte("RFC822.SIZE ")

// estimated is what Exchange Online might think a message of a size has: a few per cent more or less, and never the truth.
func estimated(size int64) int64 {
	off := size/40 + 7
	if size%2 == 0 && size > off {
		return size - off
	}
	return size + off
}

// estimateSize replaces the size in the beginning of a FETCH response: go-imap's server writes it before whatever could
// hold a quoted string or a literal.
func estimateSize(line []byte) []byte {
	i := bytes.Index(line, sizeItem)
	if i < 0 || bytes.Contains(line[:i], []byte("BODY")) || bytes.Contains(line[:i], []byte("ENVELOPE")) {
		return line
	}
	start := i + len(sizeItem)
	end := start
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	size, err := strconv.ParseInt(string(line[start:end]), 10, 64)
	if err != nil {
		return line
	}
	out := append(bytes.Clone(line[:start]), strconv.FormatInt(estimated(size), 10)...)
	return append(out, line[end:]...)
}
