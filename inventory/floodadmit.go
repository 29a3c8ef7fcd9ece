package inventory

import "time"

// sharedWait is how long a device that logs in again and again waits for others of its sessions, so that they share a line.
const sharedWait = 250 * time.Millisecond

// sharedKey is what the sessions of one admitted line have in common.
type sharedKey struct {
	device string
	day    int32 // of their start
}

// sharedLine is an admitted line that is to be written for several sessions.
type sharedLine struct {
	sessions int
	written  chan struct{}
}

// Admitted hands s on. Beyond 60 admissions of one device a minute those of a quarter of a second share a line, and each waits
// for it: the journal still knows of every session before its device reads the OK.
func (f *Flood) Admitted(s *Session) {
	line, first := f.share(s)
	switch {
	case line == nil:
		f.next.Admitted(s)
	case !first:
		<-line.written
	default:
		defer close(line.written) // also where a recorder panics
		time.Sleep(sharedWait)
		together := *s
		together.Together = f.unshare(s, line)
		f.next.Admitted(&together)
	}
}

// share returns the line that s shares, nil for one of its own, and whether s is the first of it and has to write it.
func (f *Flood) share(s *Session) (line *sharedLine, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := sharedKey{s.Device(), dayOf(s.StartedAt)}
	if line := f.shared[key]; line != nil {
		line.sessions++
		return line, false
	}
	_, src := f.sources.at(originOf(s), time.Since(f.began))
	src.turn(f.minute)
	if src.admitted++; src.admitted <= deviceBudget {
		return nil, false
	}
	if f.shared == nil {
		f.shared = make(map[sharedKey]*sharedLine)
	}
	line = &sharedLine{sessions: 1, written: make(chan struct{})}
	f.shared[key] = line
	return line, true
}

// unshare lets no more sessions into the line of s and returns how many it has.
func (f *Flood) unshare(s *Session, line *sharedLine) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.shared, sharedKey{s.Device(), dayOf(s.StartedAt)})
	return line.sessions
}
