package inventory

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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

// tallyJSON is how a Tally is kept: by names, so that a later version may know more of them.
type tallyJSON struct {
	Facts     map[string]latest  `json:"facts,omitempty"`
	Settings  map[string]setting `json:"settings,omitempty"`
	History   []Change           `json:"history,omitempty"`
	First     stamp              `json:"first,omitempty"`
	Last      stamp              `json:"last,omitempty"`
	Served    stamp              `json:"served,omitempty"`
	Outcomes  map[Outcome]int64  `json:"outcomes,omitempty"`
	Flooded   int64              `json:"flooded,omitempty"`
	Versions  map[string]use     `json:"versions,omitempty"`
	BytesFrom int64              `json:"bytes_from,omitempty"`
	BytesTo   int64              `json:"bytes_to,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (t *Tally) MarshalJSON() ([]byte, error) {
	return json.Marshal(tallyJSON{
		Facts: byName(t.facts[:], factNames[:]), Settings: t.settings, History: t.history, First: t.first, Last: t.last, Served: t.served,
		Outcomes: byName(t.outcomes[:], outcomes[:]), Flooded: t.flooded, Versions: byName(t.versions[:], versions[:]),
		BytesFrom: t.bytesFrom, BytesTo: t.bytesTo,
	})
}

// UnmarshalJSON implements json.Unmarshaler. Names that this version does not know are an error: a store that a later
// version wrote would lose them.
func (t *Tally) UnmarshalJSON(data []byte) error {
	var j tallyJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("read a tally: %w", err)
	}
	*t = Tally{settings: j.Settings, history: j.History, first: j.First, last: j.Last, served: j.Served,
		flooded: j.Flooded, bytesFrom: j.BytesFrom, bytesTo: j.BytesTo}
	if err := put(t.facts[:], factNames[:], j.Facts); err != nil {
		return err
	}
	if err := put(t.outcomes[:], outcomes[:], j.Outcomes); err != nil {
		return err
	}
	return put(t.versions[:], versions[:], j.Versions)
}

// byName returns the values that are not zero by the names at the same places.
func byName[N ~string, V comparable](values []V, names []N) map[N]V {
	named := make(map[N]V)
	var zero V
	for i, v := range values {
		if v != zero {
			named[names[i]] = v
		}
	}
	return named
}

// put sets the values whose names are at the same places.
func put[N ~string, V any](values []V, names []N, named map[N]V) error {
	for name, v := range named {
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("read a tally: %q is not known to this version", name)
		}
		values[i] = v
	}
	return nil
}
