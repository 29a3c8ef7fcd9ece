package journal

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

var errNegative = errors.New("a count is negative or too large")

// field takes one field of a line. The first error stays.
func (p *Parser) field(key []byte, v *fastjson.Value) {
	if p.err != nil {
		return
	}
	var err error
	switch p.line.Message {
	case inventory.MessageFlood:
		err = p.floodField(key, v)
	case inventory.MessageChange:
		err = p.changeField(key, v)
	case inventory.MessageBridge:
		err = p.bridgeField(key, v)
	}
	if err != nil {
		p.err = fmt.Errorf("field %s: %w", key, err)
	}
}

// commonField takes a field that all lines have.
func (p *Parser) commonField(key []byte, v *fastjson.Value) error {
	switch string(key) {
	case "time":
		return p.time(&p.line.Time, v)
	case "bridge":
		return name(p, &p.line.Bridge, v)
	case "run":
		return name(p, &p.line.Run, v)
	}
	return nil
}

func (p *Parser) floodField(key []byte, v *fastjson.Value) error {
	l := &p.line.Flood
	switch string(key) {
	case "source_ip":
		return p.prefix(&l.Source, v)
	case "listener":
		return name(p, &l.Listener, v)
	case "reason":
		return p.sentence(&l.Reason, v)
	case "count":
		return count(&l.Count, v)
	case "sessions":
		return count(&l.Sessions, v)
	case "first":
		return p.time(&l.First, v)
	case "last":
		return p.time(&l.Last, v)
	case "time":
		err := p.time(&l.Time, v)
		p.line.Time = l.Time
		return err
	case "bridge":
		err := name(p, &l.Bridge, v)
		p.line.Bridge = l.Bridge
		return err
	case "run":
		err := name(p, &l.Run, v)
		p.line.Run = l.Run
		return err
	}
	return nil
}

func (p *Parser) changeField(key []byte, v *fastjson.Value) error {
	c := &p.line.Change
	switch string(key) {
	case "device":
		return p.sentence(&c.Device, v)
	case "key":
		return name(p, &c.Key, v)
	case "old":
		return p.sentence(&c.Old, v)
	case "new":
		return p.sentence(&c.New, v)
	case "by":
		return p.sentence(&c.By, v)
	case "time":
		err := p.time(&c.Time, v)
		p.line.Time = c.Time
		return err
	}
	return p.commonField(key, v)
}

func (p *Parser) bridgeField(key []byte, v *fastjson.Value) error {
	l := &p.line.Start
	switch string(key) {
	case "event":
		return name(p, &l.Event, v)
	case "version":
		return name(p, &l.Version, v)
	case "configuration_hash":
		return name(p, &l.ConfigurationHash, v)
	case "listeners":
		return p.names(&l.Listeners, v)
	case "previous_run":
		return name(p, &l.PreviousRun, v)
	case "journal":
		return name(p, &l.Journal, v)
	case "previous":
		return name(p, &l.Previous, v)
	case "time":
		err := p.time(&l.Time, v)
		p.line.Time = l.Time
		return err
	case "bridge":
		err := name(p, &l.Bridge, v)
		p.line.Bridge = l.Bridge
		return err
	case "run":
		err := name(p, &l.Run, v)
		p.line.Run = l.Run
		return err
	}
	return nil
}

// name takes a name or a word.
func name[T ~string](p *Parser, to *T, v *fastjson.Value) error {
	text, err := v.StringBytes()
	if err != nil || *to != "" {
		return err
	}
	*to = T(p.words.name(text))
	return nil
}

// sentence takes what may be longer than a name.
func (p *Parser) sentence(to *string, v *fastjson.Value) error {
	text, err := v.StringBytes()
	if err != nil || *to != "" {
		return err
	}
	*to = p.words.sentence(text)
	return nil
}

// maxListeners is how many listeners of a bridge line are kept.
const maxListeners = 1024

func (p *Parser) names(to *[]string, v *fastjson.Value) error {
	values, err := v.Array()
	if err != nil || *to != nil {
		return err
	}
	for _, value := range values[:min(len(values), maxListeners)] {
		var one string
		if err := name(p, &one, value); err != nil {
			return err
		}
		*to = append(*to, one)
	}
	return nil
}

func (p *Parser) time(to *time.Time, v *fastjson.Value) error {
	text, err := v.StringBytes()
	if err != nil || !to.IsZero() {
		return err
	}
	*to, err = parseTime(text)
	return err
}

// prefix takes an address or a network.
func (p *Parser) prefix(to *netip.Prefix, v *fastjson.Value) error {
	text, err := v.StringBytes()
	if err != nil || to.IsValid() {
		return err
	}
	word := p.words.name(text)
	if ip, err := netip.ParseAddr(word); err == nil {
		ip = inventory.PlainAddress(ip)
		*to = netip.PrefixFrom(ip, ip.BitLen())
		return nil
	}
	*to, err = netip.ParsePrefix(word)
	return err
}

// maxCount is how many connections a line may count. A minute has fewer, and sums of such numbers stay sums.
const maxCount = math.MaxInt32

// count takes a number of things.
func count(to *int, v *fastjson.Value) error {
	n, err := v.Int64()
	if err == nil && (n < 0 || n > maxCount) {
		return errNegative
	}
	if *to == 0 {
		*to = int(n)
	}
	return err
}
