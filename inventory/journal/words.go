package journal

import (
	"encoding/json"
	"errors"
	"hash/maphash"

	"drawbridge/inventory"
)

// How long strings may be in bytes once they are read. A bridge cuts names at 256 characters and sentences at 1,024, of at most four
// bytes, once what cannot be shown is escaped; earlier versions escaped it after that, in at most ten bytes each.
const (
	maxName     = 10 * 256
	maxSentence = 10 * 1024
	maxObject   = 256 << 10 // earlier versions wrote hellos of 25 KiB and client IDs of 170 KB
)

var errBadObject = errors.New("an object is longer than 256 KiB, no JSON, or cannot be shown")

// words keeps values by what they were read from, so that equal ones are one string in memory and are looked at once.
// A value takes the place of another one by chance of its hash: there are at most so many of them, each of at most
// longest bytes.
type words struct {
	seed    maphash.Seed
	kept    []kept
	longest int
}

// kept is one value, which differs from what it was read from where that cannot be shown or was too long.
type kept struct{ read, value string }

func newWords(count, longest int) words {
	return words{seed: maphash.MakeSeed(), kept: make([]kept, count), longest: longest}
}

func (w *words) slot(text []byte) *kept {
	return &w.kept[maphash.Bytes(w.seed, text)%uint64(len(w.kept))]
}

// name returns text as a name.
func (w *words) name(text []byte) string { return w.bounded(text, maxName) }

func (w *words) bounded(text []byte, limit int) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > min(limit, w.longest) {
		return clean(string(text[:min(len(text), limit)]), limit)
	}
	k := w.slot(text)
	if k.read != string(text) {
		read := string(text)
		*k = kept{read, clean(read, limit)}
	}
	return k.value
}

// decode returns what decode makes of raw, so that it can be shown.
func (w *words) decode(raw []byte, limit int, decode func(raw []byte) (string, error)) (string, error) {
	k := w.slot(raw)
	if k.read == string(raw) {
		return k.value, nil
	}
	value, err := decode(raw)
	if err != nil {
		return "", err
	}
	value = clean(value, limit)
	if len(raw) <= w.longest {
		*k = kept{string(raw), value}
	}
	return value, nil
}

// object returns a JSON object as it stands in text.
func (w *words) object(text []byte) (string, error) {
	if len(text) == 0 {
		return "", nil
	}
	if len(text) > maxObject {
		return "", errBadObject
	}
	k := w.slot(text)
	if k.read == string(text) {
		return k.value, nil
	}
	value := string(text)
	if !json.Valid(text) || inventory.Printable(value) != value {
		return "", errBadObject
	}
	if len(value) <= w.longest {
		*k = kept{value, value}
	}
	return value, nil
}

// clean returns s so that it can be shown, in at most limit bytes; clean(clean(s)) is clean(s).
func clean(s string, limit int) string {
	s = inventory.Printable(s)
	if len(s) <= limit {
		return s
	}
	end := 0
	for i := range s {
		if i > limit {
			break
		}
		end = i
	}
	return s[:end]
}
