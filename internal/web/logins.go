package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
)

// How long a login holds: until it was idle for so long, and never longer than a working day.
const (
	idleLogin    = 30 * time.Minute
	longestLogin = 12 * time.Hour
)

// maxLogins is how many people are logged in at once. When it is reached the login that would end first makes room.
const maxLogins = 1000

const loggedIn = "logged_in"

func newLogins(secure bool, fault func(http.ResponseWriter, *http.Request, error)) *scs.SessionManager {
	name := "drawbridge"
	if secure {
		name = "__Host-drawbridge" // browsers then hold it to this host, this path and TLS
	}
	// Not scs.New: that starts a goroutine for a store of its own, which nothing ends.
	return &scs.SessionManager{
		IdleTimeout: idleLogin, Lifetime: longestLogin, HashTokenInStore: true,
		Store: &loginStore{rows: make(map[string]loginRow)}, Codec: scs.GobCodec{}, ErrorFunc: fault,
		Cookie: scs.SessionCookie{Name: name, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode},
	}
}

// loginStore is a scs.Store in memory: a login ends with the process. It holds maxLogins. Its clock is time.Now, by which
// scs says when a login ends.
type loginStore struct {
	mu   sync.Mutex
	rows map[string]loginRow
}

type loginRow struct {
	data    []byte
	expires time.Time
}

// Find implements scs.Store.
func (s *loginStore) Find(token string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[token]
	if !ok || !time.Now().Before(row.expires) {
		delete(s.rows, token)
		return nil, false, nil
	}
	return row.data, true, nil
}

// Commit implements scs.Store.
func (s *loginStore) Commit(token string, data []byte, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.rows[token]; !ok && len(s.rows) >= maxLogins {
		s.makeRoom()
	}
	s.rows[token] = loginRow{data, expires}
	return nil
}

// makeRoom deletes what has ended, and where nothing has, what would end first.
func (s *loginStore) makeRoom() {
	now := time.Now()
	first := ""
	for token, row := range s.rows {
		if !now.Before(row.expires) {
			delete(s.rows, token)
		} else if first == "" || row.expires.Before(s.rows[first].expires) {
			first = token
		}
	}
	if len(s.rows) >= maxLogins {
		delete(s.rows, first)
	}
}

// Delete implements scs.Store.
func (s *loginStore) Delete(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, token)
	return nil
}

// logIn makes the session of a request one of somebody who knows the password, under a new token.
func logIn(ctx context.Context, m *scs.SessionManager) error {
	if err := m.RenewToken(ctx); err != nil {
		return err
	}
	m.Put(ctx, loggedIn, true)
	return nil
}
