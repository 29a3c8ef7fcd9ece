package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"drawbridge/internal/source"
	"drawbridge/internal/wholefile"
)

// maxVerifiedFile is more than the largest file that is ever written, in bytes.
const maxVerifiedFile = 128 << 20

// verifiedLine is one line of the file: a pair, or a shared source.
type verifiedLine struct {
	Source  string    `json:"source"`
	Account string    `json:"account,omitempty"`
	Shared  bool      `json:"shared,omitempty"`
	Last    time.Time `json:"last"`
}

// OpenVerified reads what a Verified left at path, JSON lines; a missing file is an empty one. A damaged file is set
// aside under the same name with .damaged behind, and Damaged tells of it. The error is for a file that cannot be read.
// With an empty path nothing is kept on disk.
func OpenVerified(path string) (*Verified, error) {
	v := newVerified(path)
	if path == "" {
		return v, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the verified logins: %w", err)
	}
	defer f.Close()
	if err = v.load(f, time.Now()); err == nil {
		return v, nil
	}
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) {
		return nil, fmt.Errorf("read the verified logins: %w", err)
	}
	v = newVerified(path)
	v.damaged = fmt.Errorf("%s is damaged and was set aside as %s.damaged: %w", path, path, err)
	if err := os.Rename(path, path+".damaged"); err != nil {
		return nil, fmt.Errorf("set the damaged verified logins aside: %w", err)
	}
	return v, nil
}

// load takes in the lines of r, which save wrote, oldest first. A time ahead of now, of a clock that was wrong, counts as
// now.
func (v *Verified) load(r io.Reader, now time.Time) error {
	d := json.NewDecoder(bufio.NewReader(io.LimitReader(r, maxVerifiedFile)))
	d.DisallowUnknownFields()
	for n := 1; ; n++ {
		var l verifiedLine
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = v.take(l, now)
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
}

func (v *Verified) take(l verifiedLine, now time.Time) error {
	from, err := source.ParseKey(l.Source)
	if err != nil || from.IsNetwork() { // earlier builds knew whole networks; none of its addresses is known
		return err
	}
	if l.Last.After(now) {
		l.Last = now
	}
	if l.Shared {
		*v.shared.Touch(from) = l.Last
		return nil
	}
	v.touch(pairKey{from, entryKey(l.Account)}, l.Last)
	return nil
}

// Damaged tells of the file that OpenVerified set aside; nil: it was sound.
func (v *Verified) Damaged() error { return v.damaged }

// Err tells why the file could not be written the last time; nil: it could.
func (v *Verified) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.saveErr
}

// Run keeps the file up to date until ctx ends, and returns what the last writing gave. New pairs are written within
// seconds; that known ones were verified again, within an hour. A writing that fails is tried again.
func (v *Verified) Run(ctx context.Context) error {
	tick := time.NewTicker(saveNewAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if v.due(time.Now()) {
				_ = v.save() // Err tells of it
			}
		case <-ctx.Done():
			return v.save()
		}
	}
}

func (v *Verified) due(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.unsavedNew || v.unsaved && now.Sub(v.saved) >= saveRecentAfter
}

// save writes the file where it is behind.
func (v *Verified) save() error {
	lines := v.snapshot(time.Now())
	if lines == nil || v.path == "" {
		return nil
	}
	err := writeLines(v.path, lines)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.saveErr = err
	if err != nil {
		v.unsaved, v.unsavedNew = true, true
	}
	return err
}

// snapshot returns what is to be written, nil where nothing has changed.
func (v *Verified) snapshot(now time.Time) []verifiedLine {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.unsaved && !v.unsavedNew {
		return nil
	}
	v.expire(now)
	v.unsaved, v.unsavedNew, v.saved = false, false, now
	lines := make([]verifiedLine, 0, v.shared.Len()+v.pairs.Len())
	for k, last := range v.shared.All {
		lines = append(lines, verifiedLine{Source: k.String(), Shared: true, Last: last.UTC().Truncate(time.Second)})
	}
	for k, last := range v.pairs.All {
		lines = append(lines, verifiedLine{Source: k.source.String(), Account: k.account, Last: last.UTC().Truncate(time.Second)})
	}
	return lines
}

// writeLines replaces the file at path as a whole.
func writeLines(path string, lines []verifiedLine) error {
	err := wholefile.Write(path, 0o600, func(w io.Writer) error {
		e := json.NewEncoder(w)
		for _, l := range lines {
			if err := e.Encode(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the verified logins: %w", err)
	}
	return nil
}
