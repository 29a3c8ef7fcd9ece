package journal

import (
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// maxLine is how long a line may be in bytes, its newline included. The longest that a bridge writes has 40 KiB.
const maxLine = 1 << 20

var (
	errNotObject = errors.New("the line is no JSON object")
	errTooLong   = errors.New("the line is longer than 1 MiB")
	errNoTime    = errors.New("the line has no time")
)

// A Parser reads lines. It keeps what values it saw lately, so that equal ones share their memory; what it holds is
// bounded by 8,192 values of 4 KiB. It is for one goroutine.
type Parser struct {
	json  fastjson.Parser
	words words

	fields          []sessionField
	next            int // the field that probably comes next
	line            *inventory.Line
	raw             []byte
	hello, clientID bool
	err             error
	visit           func(key []byte, v *fastjson.Value)
}

// NewParser returns a Parser.
func NewParser() *Parser {
	p := &Parser{words: newWords(), fields: sessionFields()}
	p.visit = p.field
	return p
}

// Parse reads line, without a prefix and with or without its newline, into l, whose former content is gone. It reports
// false without an error for a JSON object that is no line of a bridge. An error says that the line is bad: not JSON,
// longer than 1 MiB, without a time, or with a field of a wrong type; what is in l then is of no use.
//
// Nothing in l refers to line. Strings are Printable and bounded: nobody knows who wrote the file. Fields that are not
// known are passed over; of a field that stands twice the first one counts.
func (p *Parser) Parse(line []byte, l *inventory.Line) (ok bool, err error) {
	*l = inventory.Line{}
	root, err := p.object(line)
	if err != nil {
		return false, err
	}
	return p.known(root, line, l)
}

// known reads root, which was read from line, if its message is one of ours.
func (p *Parser) known(root *fastjson.Object, line []byte, l *inventory.Line) (ok bool, err error) {
	message := root.Get("msg")
	if message == nil || message.Type() != fastjson.TypeString {
		return false, nil
	}
	word, _ := message.StringBytes()
	switch string(word) {
	case inventory.MessageAdmitted, inventory.MessageSession, inventory.MessageFlood, inventory.MessageChange,
		inventory.MessageBridge:
		l.Message = p.words.word(word)
		return true, p.fill(root, line, l)
	default:
		return false, nil
	}
}

// object reads line as far as JSON goes.
func (p *Parser) object(line []byte) (*fastjson.Object, error) {
	if len(line) > maxLine {
		return nil, errTooLong
	}
	v, err := p.json.ParseBytes(line)
	if err != nil {
		return nil, fmt.Errorf("parse a line: %w", err)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, errNotObject
	}
	return v.Object()
}

// fill reads the fields of root, which was read from line.
func (p *Parser) fill(root *fastjson.Object, line []byte, l *inventory.Line) error {
	p.line, p.raw, p.hello, p.clientID, p.next, p.err = l, line, false, false, 0, nil
	root.Visit(p.visit)
	if p.err == nil && (p.hello || p.clientID) {
		p.err = p.objects()
	}
	if p.err == nil && l.Time.IsZero() {
		p.err = errNoTime
	}
	p.line, p.raw = nil, nil
	return p.err
}

// objects copies the objects that are kept as they stand in the line.
func (p *Parser) objects() error {
	var hello, clientID []byte
	if err := findObjects(p.raw, p.hello, p.clientID, &hello, &clientID); err != nil {
		return err
	}
	var err error
	if p.line.Session.Hello, err = p.words.object(hello); err != nil {
		return err
	}
	p.line.Session.ClientID, err = p.words.object(clientID)
	return err
}
