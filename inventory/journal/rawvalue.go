package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"drawbridge/inventory"
)

var (
	errType     = errors.New("the value is of another type")
	errNegative = errors.New("a count is negative or too large")
)

// text reads the JSON of a string, so that it can be shown, in at most limit bytes.
func (p *Parser) text(raw []byte, limit int) (string, error) {
	if p.at.again {
		return p.at.value, nil
	}
	text, err := p.newText(raw, limit)
	if err == nil {
		p.at.keep(raw, text)
	}
	return text, err
}

func (p *Parser) newText(raw []byte, limit int) (string, error) {
	if raw[0] != '"' {
		return "", errType
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return p.words.bounded(raw[1:len(raw)-1], limit), nil
	}
	return p.decoded.decode(raw, limit, unquote)
}

// unquote reads the JSON of a string.
func unquote(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", errType
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	if plain, ok := unescape(raw[1 : len(raw)-1]); ok {
		return plain, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", errNotJSON
	}
	return s, nil
}

// unescape reads what stands in a string if its only escapes are those of Windows' account names, DOMAIN\\user, and of
// quotes, and nothing in it is for encoding/json to mend.
func unescape(raw []byte) (string, bool) {
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			i++
			if i == len(raw) || raw[i] != '\\' && raw[i] != '"' {
				return "", false
			}
			c = raw[i]
		}
		if c < ' ' || c >= utf8.RuneSelf {
			return "", false
		}
		text = append(text, c)
	}
	return string(text), true
}

func nameOf[T ~string](of func(*inventory.Line) *T) reading { return textOf(of, maxName) }

// sentenceOf reads what may be longer than a name.
func sentenceOf(of func(*inventory.Line) *string) reading { return textOf(of, maxSentence) }

func textOf[T ~string](of func(*inventory.Line) *T, limit int) reading {
	return func(p *Parser, l *inventory.Line, raw []byte) error {
		text, err := p.text(raw, limit)
		if to := of(l); err == nil && *to == "" {
			*to = T(text)
		}
		return err
	}
}

func countOf[T int | int64](of func(*inventory.Line) *T, most int64) reading {
	return func(_ *Parser, l *inventory.Line, raw []byte) error {
		n, err := readNumber(raw, most)
		if to := of(l); *to == 0 {
			*to = T(n)
		}
		return err
	}
}

func momentOf(of func(*inventory.Line) *time.Time) reading {
	return func(_ *Parser, l *inventory.Line, raw []byte) (err error) {
		if raw[0] != '"' {
			return errType
		}
		if to := of(l); to.IsZero() {
			*to, err = parseTime(raw[1 : len(raw)-1])
		}
		return err
	}
}

// objectOf takes an object as it stands.
func objectOf(of func(*inventory.Line) *string) reading {
	return func(p *Parser, l *inventory.Line, raw []byte) error {
		return p.nested(of(l), raw, '{', p.objects.object)
	}
}

// readBlockers takes a list of words as words with spaces between, "-" for an empty list.
func readBlockers(p *Parser, l *inventory.Line, raw []byte) error {
	return p.nested(&l.Session.Blockers, raw, '[', func(raw []byte) (string, error) {
		return p.objects.decode(raw, maxName, joinWords)
	})
}

// nested reads an object or array, unless it stands as it stood in a line before.
func (p *Parser) nested(to *string, raw []byte, opens byte, read func(raw []byte) (string, error)) (err error) {
	switch {
	case raw[0] != opens:
		return errType
	case *to != "":
		return nil
	case p.at.again:
		*to = p.at.value
		return nil
	}
	if *to, err = read(raw); err == nil {
		p.at.keep(raw, *to)
	}
	return err
}

// readID does not keep the id for other lines: each has its own.
func readID(_ *Parser, l *inventory.Line, raw []byte) error {
	text, err := unquote(raw)
	if s := &l.Session; err == nil && s.ID == "" {
		s.ID = clean(text, maxName)
	}
	return err
}

func readSource(p *Parser, l *inventory.Line, raw []byte) error {
	text, err := p.text(raw, maxName)
	if err != nil || l.Session.Source.IsValid() {
		return err
	}
	ip, err := netip.ParseAddr(text)
	l.Session.Source = inventory.PlainAddress(ip)
	return err
}

// readPrefix takes an address or a network.
func readPrefix(p *Parser, l *inventory.Line, raw []byte) error {
	text, err := p.text(raw, maxName)
	if err != nil || l.Flood.Source.IsValid() {
		return err
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = inventory.PlainAddress(ip)
		l.Flood.Source = netip.PrefixFrom(ip, ip.BitLen())
		return nil
	}
	l.Flood.Source, err = netip.ParsePrefix(text)
	return err
}

func readShared(_ *Parser, l *inventory.Line, raw []byte) error {
	l.Session.SourceShared = string(raw) == "true"
	if !l.Session.SourceShared && string(raw) != "false" {
		return errType
	}
	return nil
}

func readDuration(_ *Parser, l *inventory.Line, raw []byte) error {
	n, err := readNumber(raw, math.MaxInt64/int64(time.Millisecond))
	if l.Session.Duration == 0 {
		l.Session.Duration = time.Duration(n) * time.Millisecond
	}
	return err
}

func readProven(_ *Parser, l *inventory.Line, raw []byte) error {
	l.Session.Proven = true
	_, err := readNumber(raw, math.MaxInt64)
	return err
}

// maxListeners is how many listeners of a bridge line are kept.
const maxListeners = 1024

// readListeners uses p.json again: of the object in which the line was read nothing is needed any more.
func readListeners(p *Parser, l *inventory.Line, raw []byte) error {
	list, err := p.json.ParseBytes(raw)
	if err != nil {
		return err
	}
	values, err := list.Array()
	if err != nil || l.Start.Listeners != nil {
		return err
	}
	for _, v := range values[:min(len(values), maxListeners)] {
		name, err := v.StringBytes()
		if err != nil {
			return err
		}
		l.Start.Listeners = append(l.Start.Listeners, p.words.name(name))
	}
	return nil
}

// readNumber reads the JSON of a number of things.
func readNumber(raw []byte, most int64) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err != nil:
		return 0, errType
	case n < 0 || n > most:
		return 0, errNegative
	}
	return n, nil
}

// joinWords reads the JSON of a list of words.
func joinWords(raw []byte) (string, error) {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", errType
	}
	if len(list) == 0 {
		return inventory.NoBlockers, nil
	}
	return strings.Join(list, " "), nil
}
