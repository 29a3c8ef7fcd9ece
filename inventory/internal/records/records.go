// Package records makes session records of a fleet that does not exist, for tests and benchmarks: of full size, as a
// bridge writes them, with the mix of devices, outcomes and strangers that a company has. The same options make the same
// bytes.
package records

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/inventory"
)

// Options say what is made.
type Options struct {
	Records int       // sessions
	Devices int       // at most so many; 0: 1
	Days    int       // over which the sessions are spread; 0: 1
	Seed    uint64    // another seed makes another fleet
	Begin   time.Time // of the first session; zero: 2026-11-01
	Journal bool      // with the other lines of a journal: bridge, admitted, change
}

func (o Options) withDefaults() Options {
	o.Devices = max(o.Devices, 1)
	o.Days = max(o.Days, 1)
	if o.Begin.IsZero() {
		o.Begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

// bridge is whose records they are.
var bridge = inventory.Instance{Bridge: "bridge-1", Run: "0c5d7a3e91b2f486"}

// Write writes the records of o to w in the order of their ends.
func Write(ctx context.Context, w io.Writer, o Options) error {
	o = o.withDefaults()
	g := &generator{o: o, random: rand.New(rand.NewPCG(o.Seed, 0)), out: w, fleet: make([]*device, o.Devices)}
	err := g.write(ctx)
	if err == nil {
		err = g.flush()
	}
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// generator makes records.
type generator struct {
	o      Options
	random *rand.Rand
	out    io.Writer
	fleet  []*device // made when they first come
	lines  []byte    // not yet written
}

func (g *generator) write(ctx context.Context) error {
	if g.o.Journal {
		if err := g.bridge(inventory.BridgeStart, g.o.Begin); err != nil {
			return err
		}
	}
	span := time.Duration(g.o.Days) * 24 * time.Hour
	step := span / time.Duration(max(g.o.Records, 1))
	for n := range g.o.Records {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := g.session(n, g.o.Begin.Add(step*time.Duration(n+1))); err != nil {
			return err
		}
		if len(g.lines) < enough {
			continue
		}
		if err := g.flush(); err != nil {
			return err
		}
	}
	if g.o.Journal {
		return g.bridge(inventory.BridgeStop, g.o.Begin.Add(span))
	}
	return nil
}

// session writes the lines of session n, which ended at end.
func (g *generator) session(n int, end time.Time) error {
	d := g.device(g.pick())
	s := g.figures(d.session, n, end)
	kind := d.kind(g.random.IntN(100))
	s = d.going(kind, s)
	if g.o.Journal && kind == bridged {
		if err := g.add(inventory.MessageAdmitted, &inventory.AdmittedLine{Time: s.StartedAt, Session: &s}); err != nil {
			return err
		}
		if n%1000 == 999 { // a crash cut this one
			return nil
		}
	}
	return g.add(inventory.MessageSession, &s)
}

// add adds a line as log and journal have it.
func (g *generator) add(message string, line zapcore.ObjectMarshaler) error {
	buf, err := zapcore.NewJSONEncoder(inventory.LineEncoding()).
		EncodeEntry(zapcore.Entry{Message: message}, []zapcore.Field{zap.Inline(line)})
	if err != nil {
		return err
	}
	defer buf.Free()
	g.lines = append(g.lines, buf.Bytes()...)
	return nil
}

// enough is how many bytes are written at a time.
const enough = 64 << 10

func (g *generator) flush() error {
	_, err := g.out.Write(g.lines)
	g.lines = g.lines[:0]
	return err
}

// pick chooses a device: some of a fleet are far busier than others.
func (g *generator) pick() int {
	n := g.random.IntN(g.o.Devices)
	if g.random.IntN(4) > 0 {
		return n
	}
	return n % max(g.o.Devices/100, 1)
}

func (g *generator) device(n int) *device {
	if g.fleet[n] == nil {
		g.fleet[n] = newDevice(n, g.o.Seed)
	}
	return g.fleet[n]
}

// figures fills in what differs between the sessions of one device.
func (g *generator) figures(s inventory.Session, n int, end time.Time) inventory.Session {
	s.ID = fmt.Sprintf("%s-%d", bridge.Run, n)
	s.Duration = time.Duration(50+g.random.IntN(1<<g.random.IntN(20))) * time.Millisecond
	s.Source.Port = uint16(32768 + g.random.IntN(28000)) //nolint:gosec // below 65,536
	s.Time, s.StartedAt = end, end.Add(-s.Duration)
	s.HandshakeTime = time.Duration(5+g.random.Int64N(200)) * time.Millisecond
	s.UpstreamTime = time.Duration(40+g.random.Int64N(900)) * time.Millisecond
	s.BytesFromDevice, s.BytesToDevice = 200+g.random.Int64N(1<<16), 400+g.random.Int64N(1<<22)
	return s
}

func (g *generator) bridge(event inventory.BridgeEvent, now time.Time) error {
	return g.add(inventory.MessageBridge, &inventory.BridgeLine{Time: now, Bridge: bridge.Bridge, Run: bridge.Run,
		Event: event, Version: "0.1.0", ConfigurationHash: "c0ffee5e", Listeners: []string{"imaps", "pop3s"}})
}
