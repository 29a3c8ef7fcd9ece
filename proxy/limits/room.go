package limits

import (
	"fmt"
	"math"
	"sync"
)

// What open files are kept for. A session has its device's and its upstream's, and while it dials one more, since two
// addresses are tried at once (RFC 8305).
const (
	filesPerSession = 3
	// reservedFiles are for the admin address, the control socket, two addresses of ACME challenges, connections that are told why
	// they are turned away, and for listeners, journal, store, tokens and DNS.
	reservedFiles = 256 + 64 + 2*32 + MaxTurnedAway + 128
)

// MaxTurnedAway is how many connections are told at once that there is no room for them.
const MaxTurnedAway = 256

// SessionsWithin returns how many sessions a process can serve that may have so many files open; at least one.
func SessionsWithin(files uint64) int {
	reserved := min(reservedFiles, files/2)
	return int(max(1, min((files-reserved)/filesPerSession, math.MaxInt32)))
}

// room bounds the sessions of all listeners together by what the process can serve, those without a verified login to a
// quarter of it. It is safe for concurrent use.
type room struct {
	mu        sync.Mutex
	files     uint64 // 0: no bound
	count     int
	strangers int // of count
}

func (r *room) setFiles(files uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = files
}

// enter counts a session, or says why it may not begin.
func (r *room) enter(known bool) (reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files > 0 {
		all := SessionsWithin(r.files)
		switch most := quarter(all); {
		case r.count >= all:
			return fmt.Sprintf("the bridge has %d sessions, all that its limit of %d open files bears: raise it (LimitNOFILE of the unit, "+
				"ulimits of the container), or find out who holds them", all, r.files)
		case !known && r.strangers >= most:
			return fmt.Sprintf("the bridge has %d sessions of sources without a verified login, a quarter of what its limit of %d open files "+
				"bears: find out who holds them, or raise the limit (LimitNOFILE of the unit, ulimits of the container)", most, r.files)
		}
	}
	r.count++
	if !known {
		r.strangers++
	}
	return ""
}

func (r *room) promote() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strangers--
}

func (r *room) leave(known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count--
	if !known {
		r.strangers--
	}
}
