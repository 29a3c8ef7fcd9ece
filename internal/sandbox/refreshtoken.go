package sandbox

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"
)

// refreshToken is what a refresh token stands for.
type refreshToken struct {
	delegation
	value string
	code  int // the AADSTS number with which it is refused; 0: it is good
}

type refreshTokens struct {
	mu     sync.Mutex
	tokens []*refreshToken
}

// issue makes a refresh token, as long as Entra ID's are.
func (r *refreshTokens) issue(d delegation) string {
	value := "1." + strings.Repeat(rand.Text(), 36)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tokens) >= maxOpen {
		r.tokens = append([]*refreshToken(nil), r.tokens[maxOpen/2:]...)
	}
	r.tokens = append(r.tokens, &refreshToken{delegation: d, value: value})
	return value
}

// use returns what a token stands for, or the number with which it is refused.
func (r *refreshTokens) use(value string, once bool) (delegation, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tokens {
		if t.value != value {
			continue
		}
		code := t.code
		if once && code == 0 {
			t.code = 70000
		}
		return t.delegation, code
	}
	return delegation{}, 70000
}

// Revoke ends the refresh tokens that a user has so far; whoever uses one is refused with an AADSTS number: 50173 after
// a change of password, which 0 stands for, 700082 or 70008 after idling, 70043 for sign-in frequency.
func (e *Entra) Revoke(user string, code int) {
	if code == 0 {
		code = 50173
	}
	e.refresh.mu.Lock()
	defer e.refresh.mu.Unlock()
	for _, t := range e.refresh.tokens {
		if strings.EqualFold(t.user, user) {
			t.code = code
		}
	}
}

// loopDetector finds programs that ask the same over and over.
type loopDetector struct {
	mu    sync.Mutex
	asked map[string][]time.Time
}

// detect notes a request and tells whether it is beyond most in the last minute; most 0 never is, and nothing is noted.
func (l *loopDetector) detect(key string, now time.Time, most int) bool {
	if most <= 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked == nil || len(l.asked) > maxOpen {
		l.asked = make(map[string][]time.Time)
	}
	times := l.asked[key]
	for len(times) > 0 && (now.Sub(times[0]) >= time.Minute || len(times) > most) {
		times = times[1:]
	}
	l.asked[key] = append(times, now)
	return len(times) >= most
}

// loopKey is what makes requests equal: assertions, which are new each time, do not count, nor do polls for a device code.
func (c *call) loopKey() string {
	form := c.r.PostForm
	return strings.Join([]string{
		string(c.note.Flow), c.note.Tenant, c.note.Client, form.Get("scope"), form.Get("username"), form.Get("refresh_token"), form.Get("device_code"),
	}, "\x00")
}
