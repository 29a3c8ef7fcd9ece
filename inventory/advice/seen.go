package advice

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"drawbridge/inventory"
)

// maxSeen is how many bytes of each thing that a device showed are looked at.
const maxSeen = 256

// seen is what a device showed of itself, cut to maxSeen bytes and in lower case.
type seen struct {
	d                    *inventory.Device
	stranger             bool
	vendor, snmp         text
	host, login, mailbox text   // without domains
	client, os           text   // from its IMAP ID
	clientSent, osSent   string // as sent
	version, osVersion   version
	ja3, ja4             string
	stack                Stack
	stackName, programs  string
}

func look(d *inventory.Device) seen {
	s := seen{
		d: d, stranger: d.Account == "-",
		vendor: newText(lower(d.Vendor)), snmp: newText(lower(d.Description)), host: newText(firstLabel(lower(d.SourceName))),
		ja3: textField(d.Hello, `"ja3"`), ja4: textField(d.Hello, `"ja4"`),
	}
	if !s.stranger {
		s.login, s.mailbox = newText(localPart(lower(d.Account))), newText(localPart(lower(d.Mailbox)))
	}
	s.readID(d.ClientID)
	return s
}

// field returns what a device showed in a field of the tables, and how it sent that.
func (s *seen) field(name string) (t text, sent string) {
	switch name {
	case "vendor":
		return s.vendor, s.d.Vendor
	case "client":
		return s.client, s.clientSent
	case "os":
		return s.os, s.osSent
	case "snmp":
		return s.snmp, s.d.Description
	}
	return text{}, ""
}

// lower cuts s at maxSeen bytes and makes it lower case.
func lower(s string) string {
	return strings.ToLower(s[:min(len(s), maxSeen)])
}

// firstLabel returns the host part of a DNS name: what a domain is called says nothing of a device.
func firstLabel(name string) string {
	label, _, _ := strings.Cut(name, ".")
	return label
}

// localPart returns a login without the domain around it, as in DOMAIN\scanner1 and scanner1@contoso.com.
func localPart(login string) string {
	if i := strings.IndexByte(login, '\\'); i >= 0 {
		login = login[i+1:]
	}
	login, _, _ = strings.Cut(login, "@")
	return login
}

// readID reads an IMAP ID (RFC 2971). Its keys are the sender's, in any case.
func (s *seen) readID(raw json.RawMessage) {
	var pairs map[string]string
	if json.Unmarshal(raw, &pairs) != nil {
		return
	}
	s.clientSent, s.osSent = valueOf(pairs, "name"), valueOf(pairs, "os")
	s.client, s.os = newText(lower(s.clientSent)), newText(lower(s.osSent))
	s.version, s.osVersion = parseVersion(valueOf(pairs, "version")), parseVersion(valueOf(pairs, "os-version"))
}

// valueOf returns the value of a key in any case: of the first one in the order of bytes, where a sender has several.
func valueOf(pairs map[string]string, key string) string {
	found, value := "", ""
	for k, v := range pairs {
		if strings.EqualFold(k, key) && (found == "" || k < found) {
			found, value = k, v
		}
	}
	return value
}

// textField returns the value of a text field of a hello's record without decoding the record, or "". key comes with
// its quotes, so that it is found nowhere inside a text, where quotes are escaped.
func textField(raw json.RawMessage, key string) string {
	i := bytes.Index(raw, []byte(key))
	if i < 0 {
		return ""
	}
	rest := bytes.TrimLeft(raw[i+len(key):], " \t\r\n:")
	if len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	rest = rest[1:min(len(rest), 1+maxSeen)]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || bytes.IndexByte(rest[:end], '\\') >= 0 {
		return ""
	}
	return string(rest[:end])
}

// maxQuoted is how many characters of what a device showed a sentence quotes.
const maxQuoted = 48

// quote returns s for a sentence, short and harmless.
func quote(s string) string {
	s = inventory.Printable(clip(s, maxQuoted))
	return `"` + clip(strings.ReplaceAll(s, `"`, `'`), maxQuoted) + `"`
}

// clip returns at most limit characters of s, the last one "…" where more were there.
func clip(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return s[:i] + "…"
		}
	}
	return s
}
