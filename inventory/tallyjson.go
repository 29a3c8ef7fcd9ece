package inventory

import (
	"encoding/json"
	"fmt"
	"slices"
)

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
	j := tallyJSON{
		Facts: make(map[string]latest), Settings: t.settings, History: t.history, First: t.first, Last: t.last, Served: t.served,
		Outcomes: make(map[Outcome]int64), Flooded: t.flooded, Versions: make(map[string]use), BytesFrom: t.bytesFrom, BytesTo: t.bytesTo,
	}
	for i, l := range t.facts {
		if l != (latest{}) {
			j.Facts[factNames[i]] = l
		}
	}
	for i, n := range t.outcomes {
		if n != 0 {
			j.Outcomes[outcomes[i]] = n
		}
	}
	for i, u := range t.versions {
		if u != (use{}) {
			j.Versions[versions[i]] = u
		}
	}
	return json.Marshal(j)
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
	for name, l := range j.Facts {
		if err := put(t.facts[:], factNames[:], name, l); err != nil {
			return err
		}
	}
	for name, n := range j.Outcomes {
		if err := put(t.outcomes[:], outcomes[:], name, n); err != nil {
			return err
		}
	}
	for name, u := range j.Versions {
		if err := put(t.versions[:], versions[:], name, u); err != nil {
			return err
		}
	}
	return nil
}

// put sets the value whose name is at the same place.
func put[N ~string, V any](values []V, names []N, name N, v V) error {
	i := slices.Index(names, name)
	if i < 0 {
		return fmt.Errorf("read a tally: %q is not known to this version", name)
	}
	values[i] = v
	return nil
}
