package journal

import (
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// maxLine is how long a line may be in bytes, its newline included. A record has 8 KiB at most; those of earlier
// versions had up to 700.
const maxLine = 1 << 20

var (
	errNotObject = errors.New("the line is no JSON object")
	errTooLong   = errors.New("the line is longer than 1 MiB")
	errNoTime    = errors.New("the line has no time")
)

// A Parser reads lines. It keeps what values it saw lately, so that equal ones share their memory; what it holds is
// bounded, at 20 MiB if all of it is as long as can be, and usually fits into a processor's cache: to look for a value in
// memory takes longer than to make it anew. It is for one goroutine.
type Parser struct {
	json    fastjson.Parser
	words   words // by what stands in a string
	decoded words // by the JSON of strings with escapes
	objects words // by the JSON of objects and arrays

	session, flood, change, bridge *fields

	at   *field // the field that is read
	line *inventory.Line
}

// NewParser returns a Parser.
func NewParser() *Parser {
	return &Parser{words: newWords(4<<10, 256), decoded: newWords(1<<10, 256), objects: newWords(4<<10, 4<<10),
		session: sessionFields(), flood: floodFields(), change: changeFields(), bridge: bridgeFields()}
}

// Parse reads line, without a prefix and with or without its newline, into l, whose former content is gone. It reports
// false without an error for a JSON object that is no line of a bridge. An error says that the line is bad: not JSON,
// longer than 1 MiB, without a time, or with a field of a wrong type; what is in l then is of no use.
//
// Nothing in l refers to line. Strings are Printable and bounded: nobody knows who wrote the file. Fields that are not
// known are passed over; of a field that stands twice the first one counts.
func (p *Parser) Parse(line []byte, l *inventory.Line) (ok bool, err error) {
	if done, err := p.quick(line, l); done {
		return true, err
	}
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
	l.Message = p.words.name(word)
	switch l.Message { // that line is JSON is known; its values are read as quick reads them
	case inventory.MessageAdmitted, inventory.MessageSession:
		err = p.read(line, l, p.session)
	case inventory.MessageFlood:
		err = p.read(line, l, p.flood)
		l.Flood.Time, l.Flood.Bridge, l.Flood.Run = l.Time, l.Bridge, l.Run
	case inventory.MessageChange:
		err = p.read(line, l, p.change)
		l.Change.Time = l.Time
	case inventory.MessageBridge:
		err = p.read(line, l, p.bridge)
		l.Start.Time, l.Start.Bridge, l.Start.Run = l.Time, l.Bridge, l.Run
	default:
		return false, nil
	}
	return true, err
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
