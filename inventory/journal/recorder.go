package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"drawbridge/inventory"
)

// admittedWait is how long a login waits for the disk.
const admittedWait = time.Second

// Admitted writes the admitted line of s and returns when it is written, after a second at most: it is then written as
// soon as the disk allows, like everything else.
func (j *Journal) Admitted(s *inventory.Session) {
	done := make(chan error, 1)
	j.put(inventory.MessageAdmitted, &inventory.AdmittedLine{Time: j.o.Now(), Session: s}, done)
	timer := time.NewTimer(admittedWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// Ended queues the record of s and does not wait.
func (j *Journal) Ended(s *inventory.Session) { j.put(inventory.MessageSession, s, nil) }

// TurnedAway does nothing: inventory.Flood sums who was turned away.
func (j *Journal) TurnedAway(inventory.TurnedAway) {}

// Flood queues a flood line.
func (j *Journal) Flood(line inventory.FloodLine) { j.put(inventory.MessageFlood, &line, nil) }

// Bridge queues a bridge line. It adds the id of the journal, and to a start what Previous returns, where the line does
// not have them; Describe does the same for a line that is logged too.
func (j *Journal) Bridge(line inventory.BridgeLine) {
	j.Describe(&line)
	j.put(inventory.MessageBridge, &line, nil)
}

// Describe fills in Journal, and for a start Previous and PreviousRun, where they are empty.
func (j *Journal) Describe(line *inventory.BridgeLine) {
	if line.Journal == "" {
		line.Journal = j.journal
	}
	if line.Event != inventory.BridgeStart {
		return
	}
	if line.Previous == "" {
		line.Previous = j.previousRun
	}
	if line.PreviousRun == "" {
		line.PreviousRun = j.previousEnd
	}
}

// changes gives each change a time of its own.
type changes struct {
	mu   sync.Mutex
	last time.Time
}

// next returns now, or a millisecond after the change before where that is later.
func (c *changes) next(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if !now.After(c.last) {
		now = c.last.Add(time.Millisecond)
	}
	c.last = now
	return now
}

// Change writes c, with a Time that is later than that of every change before it, and returns it as it was written once
// it is. An error says that it was not, or, with that of ctx, that it may yet be.
func (j *Journal) Change(ctx context.Context, c inventory.Change) (inventory.Change, error) {
	done := make(chan error, 1)
	j.changes.mu.Lock()
	c.Time = j.changes.next(j.o.Now())
	j.put(inventory.MessageChange, &inventory.ChangeLine{Bridge: j.o.Instance.Bridge, Run: j.o.Instance.Run, Change: c}, done)
	j.changes.mu.Unlock()
	select {
	case err := <-done:
		if err != nil {
			return inventory.Change{}, fmt.Errorf("write a change to the journal: %w", err)
		}
		return c, nil
	case <-ctx.Done():
		return inventory.Change{}, fmt.Errorf("write a change to the journal: %w", ctx.Err())
	}
}

func (j *Journal) put(message string, line zapcore.ObjectMarshaler, done chan<- error) {
	buf, err := encode(message, line)
	if err != nil { // no line of ours has one
		if done != nil {
			done <- err
		}
		return
	}
	defer buf.Free()
	j.queue.add(buf.Bytes(), done)
}

// encode returns the line, the same bytes as in the log.
func encode(message string, line zapcore.ObjectMarshaler) (*buffer.Buffer, error) {
	return zapcore.NewJSONEncoder(inventory.LineEncoding()).
		EncodeEntry(zapcore.Entry{Message: message}, []zapcore.Field{zap.Inline(line)})
}
