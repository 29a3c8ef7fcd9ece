package notices

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"drawbridge/internal/wholefile"
)

// How much an outbox holds.
const (
	maxTold    = 20_000    // events that were told and are not over; further ones are only counted
	maxWaiting = 500       // notices that wait for a channel; the oldest give way and are counted
	maxOutbox  = 128 << 20 // bytes of the file
)

// settled is how long something must not have been so until it is told of anew: what comes and goes is told once.
const settled = time.Hour

// How soon a channel that took nothing is tried again: doubling.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// outbox is which events were told and what waits for which channel. Its functions are pure but for load and save: time comes in.
type outbox struct {
	Since    time.Time            `json:"since"` // when the first look was: what was so before is no news
	Told     map[string]told      `json:"told"`  // by id
	Channels map[string]*waitline `json:"channels"`
}

// told is an event that was told.
type told struct {
	Event string    `json:"event"`
	Held  time.Time `json:"held"` // when it was last so
}

// waitline is what waits for one channel.
type waitline struct {
	Waiting  []Notice       `json:"waiting,omitempty"`  // the oldest first
	LeftOut  map[string]int `json:"left_out,omitempty"` // by event: how many older ones gave way
	Last     time.Time      `json:"last,omitzero"`      // when the last message went out
	Failures int            `json:"failures,omitempty"` // since the last that was taken
	Next     time.Time      `json:"next,omitzero"`      // no try before
}

func newOutbox(now time.Time) *outbox {
	return &outbox{Since: now, Told: make(map[string]told), Channels: make(map[string]*waitline)}
}

// note takes what is so now, and returns what of it was not told yet; lost is how many of those there is no place for. Of the
// events that were looked for, what is over for long enough is forgotten.
func (o *outbox) note(now time.Time, looked []string, holding []Notice) (news []Notice, lost int) {
	for _, n := range holding {
		_, known := o.Told[n.ID]
		if !known && len(o.Told) >= maxTold {
			lost++
			continue
		}
		o.Told[n.ID] = told{n.Event, now}
		if !known {
			news = append(news, n)
		}
	}
	maps.DeleteFunc(o.Told, func(_ string, t told) bool { return slices.Contains(looked, t.Event) && now.Sub(t.Held) > settled })
	return news, lost
}

// assume takes what was told for still so: the file does not say until when it was, since it is written when there is news.
func (o *outbox) assume(now time.Time) {
	for id, t := range o.Told {
		t.Held = now
		o.Told[id] = t
	}
}

// use makes the channels of a configuration those that notices wait for, and returns how many no longer have one.
func (o *outbox) use(keys []string) (dropped int) {
	for key, w := range o.Channels {
		if !slices.Contains(keys, key) {
			dropped += w.count()
			delete(o.Channels, key)
		}
	}
	for _, key := range keys {
		if o.Channels[key] == nil {
			o.Channels[key] = &waitline{}
		}
	}
	return dropped
}

// put has notices of these events wait for every channel.
func (o *outbox) put(news []Notice, on []string) {
	for _, w := range o.Channels {
		for _, n := range news {
			if len(on) == 0 || slices.Contains(on, n.Event) {
				w.Waiting = append(w.Waiting, n)
			}
		}
		w.bound()
	}
}

// bound lets the oldest give way to a count of them.
func (w *waitline) bound() {
	over := len(w.Waiting) - maxWaiting
	if over <= 0 {
		return
	}
	if w.LeftOut == nil {
		w.LeftOut = make(map[string]int)
	}
	for _, n := range w.Waiting[:over] {
		w.LeftOut[n.Event]++
	}
	w.Waiting = slices.Clone(w.Waiting[over:])
}

// count is how many notices wait, those summed up included.
func (w *waitline) count() int {
	n := len(w.Waiting)
	for _, left := range w.LeftOut {
		n += left
	}
	return n
}

// due reports whether a message is to go out: something waits, the last one is long enough ago, and so is the last failure.
func (w *waitline) due(now time.Time, every time.Duration) bool {
	return w.count() > 0 && !now.Before(w.Last.Add(every)) && !now.Before(w.Next)
}

// take returns what waits, which waits no more.
func (w *waitline) take() (waiting []Notice, leftOut map[string]int) {
	waiting, leftOut = w.Waiting, w.LeftOut
	w.Waiting, w.LeftOut = nil, nil
	return waiting, leftOut
}

// sent notes that a message went out, or may have.
func (w *waitline) sent(now time.Time) { w.Last, w.Failures, w.Next = now, 0, time.Time{} }

// putBack has a message that was not taken wait again, before what came up meanwhile; not before wait has passed.
func (w *waitline) putBack(m *Message, now time.Time, wait time.Duration) {
	w.Waiting = append(slices.Clone(m.Notices), w.Waiting...)
	for event, n := range m.LeftOut {
		if w.LeftOut == nil {
			w.LeftOut = make(map[string]int)
		}
		w.LeftOut[event] += n
	}
	w.bound()
	w.Next = now.Add(min(max(backOff(w.Failures), wait), lastRetry))
	w.Failures++
}

// backOff is how long to wait after so many failures before this one.
func backOff(failures int) time.Duration {
	return min(firstRetry<<min(failures, 10), lastRetry)
}

// load reads an outbox, nil where there is none. One that is damaged is an error that says so.
func load(path string) (*outbox, error) {
	f, err := os.Open(path) //nolint:gosec // our caller says where
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the outbox of notices: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxOutbox+1))
	if err != nil {
		return nil, fmt.Errorf("read the outbox of notices: %w", err)
	}
	o, err := parse(data)
	if err != nil {
		return nil, &damagedError{path, err}
	}
	return o, nil
}

// damagedError says that a file is no outbox.
type damagedError struct {
	path string
	err  error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the outbox of notices %s is damaged: %v", e.path, e.err)
}

func (e *damagedError) Unwrap() error { return e.err }

// parse reads what save wrote.
func parse(data []byte) (*outbox, error) {
	if len(data) > maxOutbox {
		return nil, errors.New("it is longer than 128 MiB")
	}
	o := newOutbox(time.Time{})
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(o); err != nil {
		return nil, err
	}
	if o.Since.IsZero() {
		return nil, errors.New("it says not since when it is kept")
	}
	if o.Told == nil {
		o.Told = make(map[string]told)
	}
	if o.Channels == nil {
		o.Channels = make(map[string]*waitline)
	}
	maps.DeleteFunc(o.Channels, func(_ string, w *waitline) bool { return w == nil })
	for _, w := range o.Channels {
		w.bound()
	}
	return o, nil
}

// save replaces the file at path, which nobody else may read.
func (o *outbox) save(path string) error {
	err := wholefile.Write(path, 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(o) })
	if err != nil {
		return fmt.Errorf("write the outbox of notices: %w", err)
	}
	return nil
}

// digest is a short name for a text that nobody is to read.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
