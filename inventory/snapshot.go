package inventory

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// snapshotDevice and snapshotRest are the values of a snapshot: one for each device, then the rest.
type snapshotDevice struct {
	Device string     `json:"device"`
	Tally  *Tally     `json:"tally"`
	Days   []DayTally `json:"days,omitempty"`
}

type snapshotRest struct {
	Open       []snapshotOpen `json:"open"`
	Ended      []string       `json:"ended"`
	TurnedAway int64          `json:"turned_away"`
	Elsewhere  int64          `json:"elsewhere"`
}

type snapshotOpen struct {
	Open
	Count int64
}

// snapshotValue is either of them as it is read.
type snapshotValue struct {
	snapshotDevice
	snapshotRest
}

// WriteSnapshot writes the fold so that ReadSnapshot gives it back: JSON values, one for each device and a last one.
func (f *Fold) WriteSnapshot(w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	for id, d := range f.Tallies() {
		if err := enc.Encode(snapshotDevice{id, d.Tally, d.Days}); err != nil {
			return fmt.Errorf("write a snapshot: %w", err)
		}
	}
	rest := snapshotRest{Open: []snapshotOpen{}, Ended: f.EndedRuns(), TurnedAway: f.turnedAway, Elsewhere: f.elsewhere}
	for o, n := range f.Opened() {
		rest.Open = append(rest.Open, snapshotOpen{o, n})
	}
	if err := enc.Encode(rest); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return b.Flush()
}

// ReadSnapshot reads what WriteSnapshot wrote. One that ends too early is an error.
func ReadSnapshot(r io.Reader) (*Fold, error) {
	f := NewFold()
	for dec := json.NewDecoder(r); ; {
		var v snapshotValue
		if err := dec.Decode(&v); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read a snapshot: %w", err)
		}
		if v.Device == "" {
			f.addRest(v.snapshotRest)
			return f, nil
		}
		if v.Tally == nil {
			return nil, fmt.Errorf("read a snapshot: the device %q has no tally", v.Device)
		}
		f.devices[v.Device] = &folded{tally: *v.Tally, days: v.Days}
	}
}

func (f *Fold) addRest(rest snapshotRest) {
	for _, o := range rest.Open {
		f.addOpen(o.Open, o.Count)
	}
	for _, run := range rest.Ended {
		f.ended[run] = struct{}{}
	}
	f.turnedAway, f.elsewhere = rest.TurnedAway, rest.Elsewhere
}
