package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"drawbridge/inventory"
)

// past is what a journal tells of the time before it was opened, and where to go on.
type past struct {
	journal string
	run     string
	end     inventory.PreviousRun
	last    time.Time // the latest time in the newest segment
	number  int64     // of the segment to write
	size    int64     // what it holds
}

// heal ends what a crash interrupted and looks at how the last run ended.
func heal(dir string) (past, error) {
	found, err := list(dir)
	if err != nil {
		return past{}, err
	}
	p := past{journal: found.journal, number: 1}
	if p.journal == "" {
		p.journal = newID()
		return p, nil
	}
	covered, err := cleanUp(dir, found)
	if err != nil {
		return past{}, err
	}
	if found, err = list(dir); err != nil {
		return past{}, err
	}
	if err := p.lookBack(dir, found); err != nil {
		return past{}, err
	}
	return p, p.goOn(dir, found, covered)
}

// cleanUp removes what is not finished, what a snapshot holds and what was compressed, and returns the last segment
// that the snapshot holds. A compressed file has its name only when it is whole.
func cleanUp(dir string, found listing) (covered int64, err error) {
	covered, err = snapshotCovers(dir, found)
	if err != nil && !errors.Is(err, errSnapshot) { // who reads a damaged one is told; writing goes on
		return 0, err
	}
	for _, name := range found.leftovers {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return 0, err
		}
	}
	for _, s := range found.segments {
		switch {
		case s.number <= covered:
			err = removeSegment(dir, found.journal, s)
		case s.plain && s.compressed:
			err = os.Remove(plainPath(dir, found.journal, s.number))
		}
		if err != nil {
			return 0, err
		}
	}
	return covered, nil
}

// lookBack reads the newest segment that has a line: who wrote it, and whether its last bridge line is a stop of that run.
func (p *past) lookBack(dir string, found listing) error {
	r := &Reader{dir: dir, journal: found.journal}
	for i := len(found.segments) - 1; i >= 0 && p.run == ""; i-- {
		stopped := ""
		_, _, err := r.readSegment(context.Background(), Position{Segment: found.segments[i].number}, true,
			func(l *inventory.Line, _ []byte, _ Position) error {
				if l.Message != inventory.MessageChange { // which commands write too, while no bridge runs
					p.run = l.Run
				}
				if l.Time.After(p.last) {
					p.last = l.Time
				}
				if l.Message == inventory.MessageBridge {
					stopped = ""
					if l.Start.Event == inventory.BridgeStop {
						stopped = l.Run
					}
				}
				return nil
			})
		if err != nil {
			return err
		}
		p.end = inventory.PreviousCrashed
		if stopped == p.run {
			p.end = inventory.PreviousClean
		}
	}
	if p.run == "" {
		p.end = ""
	}
	return nil
}

// goOn decides where to write. After the crash of a bridge that is a new segment: a power cut may have taken the end of the old one,
// and a reader that saw that end must not take what is written next for it.
func (p *past) goOn(dir string, found listing, covered int64) error {
	p.number = max(found.last(), covered) + 1
	if len(found.segments) == 0 || p.end == inventory.PreviousCrashed {
		return nil
	}
	newest := found.segments[len(found.segments)-1]
	if !newest.plain || newest.compressed {
		return nil
	}
	path := plainPath(dir, found.journal, newest.number)
	whole, size, err := endsWithNewline(path)
	if err != nil || !whole {
		return err
	}
	p.number, p.size = newest.number, size
	return nil
}

func endsWithNewline(path string) (whole bool, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, 0, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] == '\n', info.Size(), err
}
