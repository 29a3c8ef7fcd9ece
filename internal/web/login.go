package web

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"drawbridge/internal/crowd"

	"github.com/alexedwards/scs/v2"
	"go.uber.org/zap"
)

const wrongText = "Wrong password."

// loginPage is what the login page shows.
type loginPage struct {
	Next, Fault string
}

func (d *dashboard) showLogin(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.URL.Query().Get("next"))
	if d.gate == nil || d.logins.GetBool(r.Context(), loggedIn) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	d.render(w, r, http.StatusOK, "login", "Log in", loginPage{Next: next})
}

func (d *dashboard) postLogin(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(r); err != nil || d.gate == nil {
		d.fail(w, r, http.StatusBadRequest, "There is no password to log in with.")
		return
	}
	next := localPath(r.PostForm.Get("next"))
	if !d.check(w, r, r.PostForm.Get("password")) {
		d.Log.Warn("a login to the dashboard failed", zap.String("source_ip", sourceOf(r).Addr().String()))
		d.render(w, r, http.StatusUnauthorized, "login", "Log in", loginPage{Next: next, Fault: wrongText})
		return
	}
	// Under a new token, or whoever planted the old one would be logged in too.
	if err := d.logins.RenewToken(r.Context()); err != nil {
		d.loginFault(w, r, err)
		return
	}
	d.logins.Put(r.Context(), loggedIn, true)
	d.seal.remember(w, r)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// parseForm is ParseForm of a stranger's request, whose body may never come.
func parseForm(r *http.Request) error {
	defer crowd.Waiting(r)()
	return r.ParseForm()
}

// check tells whether the password that came with a request is right. It may have to wait for that.
func (d *dashboard) check(w http.ResponseWriter, r *http.Request, password string) bool {
	// A connection that has no deadlines, such as a test's, keeps its own bounds.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2*longestWait + pageTime))
	in := line{browser: d.seal.browser(r)}
	if in.browser == "" {
		in.from = sourceOf(r)
	}
	defer crowd.Waiting(r)()
	return d.gate.try(r.Context(), in, password)
}

func (d *dashboard) postLogout(w http.ResponseWriter, r *http.Request) {
	if err := d.logins.Destroy(r.Context()); err != nil {
		d.loginFault(w, r, err)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns where to go after a login: a path of ours, never another site. Browsers read a backslash as a slash, and
// skip tabs and line ends (URL Standard, section 4.4).
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		strings.HasPrefix(next, "/login") {
		return "/"
	}
	return next
}

// How long a login holds: until it was idle for so long, and never longer than a working day.
const (
	idleLogin    = 30 * time.Minute
	longestLogin = 12 * time.Hour
)

// maxLogins is how many people are logged in at once. When it is reached the login that would end first makes room.
const maxLogins = 1000

const loggedIn = "logged_in"

func newLogins(secure bool, fault func(http.ResponseWriter, *http.Request, error)) *scs.SessionManager {
	// Not scs.New: that starts a goroutine for a store of its own, which nothing ends.
	return &scs.SessionManager{
		IdleTimeout: idleLogin, Lifetime: longestLogin, HashTokenInStore: true,
		Store: &loginStore{rows: make(map[string]loginRow)}, Codec: scs.GobCodec{}, ErrorFunc: fault,
		Cookie: scs.SessionCookie{Name: cookieName("drawbridge", secure), Path: "/", HttpOnly: true, Secure: secure,
			SameSite: http.SameSiteStrictMode},
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
