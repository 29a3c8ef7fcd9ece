package inventory

import (
	"encoding/base64"
	"slices"
	"strings"
)

const redacted = "[redacted]"

// shortSecret is the length in bytes below which a secret is as likely to be met by accident as on purpose. Cutting
// each place out of the line would then spell the secret for whoever guesses the words, so the whole line goes.
const shortSecret = 4

// Redact returns line, as an upstream sent it, without the secrets: each place is replaced by [redacted]. A secret is
// found whatever its ASCII case (servers answer with unknown commands in capitals) as it is, with backslashes before
// some of its characters, percent-encoded, and inside base64 of either alphabet at any alignment, as SASL PLAIN,
// LOGIN and XOAUTH2 carry it; then the whole run of base64 goes. A line that has a secret of fewer than four bytes
// in it goes as a whole. Empty secrets are ignored.
//
// Tokens that nobody named go too: what starts as a JSON web token does (RFC 7519), and a run of base64 too long to
// be the name of a server. Redact is for single lines: it goes through the line some ten times for each secret. It is
// safe for concurrent use.
func Redact(line string, secrets ...string) string {
	spans := tokens(line)
	texts := readings(line)
	runs := base64Runs(line)
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		hits := findIn(texts, secret)
		if len(hits) > 0 && len(secret) < shortSecret {
			return redacted
		}
		spans = append(spans, hits...)
		spans = append(spans, findInBase64(runs, secret)...)
	}
	return replace(line, spans)
}

// span is a piece of a line, end not included.
type span struct{ start, end int }

// replace puts [redacted] in the place of the spans; those that overlap become one.
func replace(line string, spans []span) string {
	if len(spans) == 0 {
		return line
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var b strings.Builder
	end := 0
	for i, s := range spans {
		if i == 0 || s.start > end {
			b.WriteString(line[end:s.start])
			b.WriteString(redacted)
		}
		end = max(end, s.end)
	}
	b.WriteString(line[end:])
	return b.String()
}

// findIn returns where secret stands in the readings of a line, overlapping places too.
func findIn(texts []reading, secret string) []span {
	secret = fold(secret)
	var found []span
	for _, t := range texts {
		for from := 0; ; {
			i := strings.Index(t.text[from:], secret)
			if i < 0 {
				break
			}
			found = append(found, t.span(from+i, from+i+len(secret)))
			from += i + 1
		}
	}
	return found
}

// base64Run is a run of characters of either base64 alphabet; its end includes padding.
type base64Run struct {
	span
	text string // without padding, in the standard alphabet
}

func base64Runs(line string) []base64Run {
	var runs []base64Run
	for i := 0; i < len(line); i++ {
		if !isBase64(line[i]) {
			continue
		}
		start := i
		for i < len(line) && isBase64(line[i]) {
			i++
		}
		text := standardAlphabet.Replace(line[start:i])
		for i < len(line) && line[i] == '=' {
			i++
		}
		runs = append(runs, base64Run{span{start, i}, text})
		i--
	}
	return runs
}

// standardAlphabet turns base64url into base64 (RFC 4648, sections 4 and 5).
var standardAlphabet = strings.NewReplacer("-", "+", "_", "/")

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' ||
		c == '+' || c == '/' || c == '-' || c == '_'
}

// findInBase64 returns the runs of base64 that carry secret.
func findInBase64(runs []base64Run, secret string) []span {
	cores := base64Cores(secret)
	secret = fold(secret)
	var found []span
	for _, r := range runs {
		if carries(r.text, cores, secret) {
			found = append(found, r.span)
		}
	}
	return found
}

// carries reports whether the run of base64 holds one of cores, whatever its case, or decodes to something that
// holds secret. The run may start with characters that are not part of the encoding, so each offset is tried.
func carries(run string, cores []string, secret string) bool {
	folded := fold(run)
	for _, core := range cores {
		if strings.Contains(folded, core) {
			return true
		}
	}
	for offset := range min(4, len(run)) {
		text := run[offset:]
		if len(text)%4 == 1 { // six bits are no byte
			text = text[:len(text)-1]
		}
		decoded, _ := base64.RawStdEncoding.DecodeString(text)
		if strings.Contains(fold(string(decoded)), secret) {
			return true
		}
	}
	return false
}

// base64Cores returns, for each of the three alignments, those characters of base64 that depend on secret alone,
// folded. Alignments that leave fewer than four are left out: they would be found in ordinary words.
func base64Cores(secret string) []string {
	var cores []string
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		first := (before*8 + 5) / 6
		last := (before + len(secret)) * 8 / 6
		if last-first >= 4 {
			cores = append(cores, fold(encoded[first:last]))
		}
	}
	return cores
}

// longestName is the longest run of base64 that is taken for something other than a token. Exchange puts the name of
// its server, up to some 60 bytes, in base64 into its lines; tokens of Entra ID have hundreds of characters.
const longestName = 100

// tokens returns what looks like a token in line.
func tokens(line string) []span {
	var found []span
	for i := 0; i < len(line); i++ {
		if !isBase64(line[i]) {
			continue
		}
		start := i
		for i < len(line) && (isBase64(line[i]) || line[i] == '.' || line[i] == '=') {
			i++
		}
		if s := line[start:i]; isToken(s) {
			found = append(found, span{start, i})
		}
	}
	return found
}

// isToken reports whether s is a JSON web token, which starts with base64 of `{"`, or a run too long for a name.
// Dots split a name of a host, but not a token.
func isToken(s string) bool {
	if i := strings.Index(s, "eyJ"); i >= 0 && len(s)-i >= 20 {
		return true
	}
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > longestName {
			return true
		}
	}
	return false
}
