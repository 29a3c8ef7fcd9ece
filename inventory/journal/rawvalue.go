package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
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
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", errNotJSON
	}
	return s, nil
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
