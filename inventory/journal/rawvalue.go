package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"
)

var errType = errors.New("the value is of another type")

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

// readNumber reads the JSON of a number of things.
func readNumber(to *int64, raw []byte) error {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err != nil:
		return errType
	case n < 0:
		return errNegative
	}
	if *to == 0 {
		*to = n
	}
	return nil
}

// readMoment reads the JSON of a time.
func readMoment(to *time.Time, raw []byte) error {
	if raw[0] != '"' {
		return errType
	}
	if !to.IsZero() {
		return nil
	}
	var err error
	*to, err = parseTime(raw[1 : len(raw)-1])
	return err
}
