package accounts

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/internal/lru"
)

// maxUnknown is how many an Unknown remembers.
const maxUnknown = 1000

// UnknownLogin is a login that was tried and that no account has.
type UnknownLogin struct {
	Login    string     `json:"login"` // as typed first, cut at MaxLogin; whatever a stranger sent: escape it
	Source   netip.Addr `json:"source"`
	Protocol string     `json:"protocol"`
	Count    int        `json:"count"`
	First    time.Time  `json:"first"` // UTC, as Last is
	Last     time.Time  `json:"last"`
}

// Unknown remembers the last 1,000 logins that no account has, by login, source and protocol. A nil one remembers nothing.
// It is safe for concurrent use.
type Unknown struct {
	mu   sync.Mutex
	rows *lru.Table[unknownKey, UnknownLogin] // the one that tried last comes last
}

type unknownKey struct {
	login    string // folded
	source   netip.Addr
	protocol string
}

// NewUnknown returns an empty Unknown.
func NewUnknown() *Unknown { return &Unknown{rows: lru.New[unknownKey, UnknownLogin](maxUnknown, nil)} }

// Note adds one attempt.
func (u *Unknown) Note(login string, source netip.Addr, protocol string, now time.Time) {
	if u == nil {
		return
	}
	login = strings.Clone(login[:min(len(login), MaxLogin)]) // or the row would hold all that a stranger sent
	k := unknownKey{fold(login), source.Unmap(), protocol}
	now = now.UTC()
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.rows.Touch(k)
	if l.Count == 0 {
		*l = UnknownLogin{Login: login, Source: k.source, Protocol: protocol, First: now}
	}
	l.Count++
	l.Last = now
}

// Forget drops what was noted of a login: it has an account now.
func (u *Unknown) Forget(login string) {
	if u == nil {
		return
	}
	folded := fold(login)
	u.mu.Lock()
	defer u.mu.Unlock()
	for k := range u.rows.All {
		if k.login == folded {
			u.rows.Remove(k)
		}
	}
}

// List returns what is remembered, the latest first.
func (u *Unknown) List() []UnknownLogin {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]UnknownLogin, 0, u.rows.Len())
	for _, l := range u.rows.All {
		all = append(all, *l)
	}
	slices.Reverse(all)
	return all
}

// AddLine returns the command that adds an account for login, to be pasted into a shell as it is; config is the path of the
// configuration, empty where none was named. Strangers choose their names: only one of letters, digits and ._@+- has a line,
// others none. An invalid source stands for anywhere.
func AddLine(login string, source netip.Addr, config string) string {
	if login == "" || len(login) > MaxLogin || hasOther(login, "._@+-") {
		return ""
	}
	words := []string{"drawbridge account add"}
	if config != "" {
		words = append(words, "--config '"+strings.ReplaceAll(config, "'", `'\''`)+"'")
	}
	if source.IsValid() {
		words = append(words, "--source "+source.Unmap().WithZone("").String())
	}
	if login[0] == '-' {
		words = append(words, "--") // or it would be taken for an option
	}
	return strings.Join(append(words, "'"+login+"'"), " ")
}
