package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// seal signs the cookie of a browser that was logged in: a number, and a code (HMAC, RFC 2104) that only who has the key can
// make. It opens nothing. It is how such a browser is told from whoever guesses passwords at its address.
type seal struct {
	key    []byte
	cookie string // its name
	secure bool
}

const (
	browserBytes = 16
	browserLife  = 400 * 24 * time.Hour // as long as browsers keep a cookie
)

func newSeal(key []byte, secure bool) seal {
	s := seal{key: key, cookie: cookieName("drawbridge_browser", secure), secure: secure}
	if len(key) == 0 {
		s.key = make([]byte, sha256.Size)
		_, _ = rand.Read(s.key) // it never fails
	}
	return s
}

// browser returns the number of the browser that a request is from; empty where it was not logged in before.
func (s seal) browser(r *http.Request) string {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return ""
	}
	value, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(value) != browserBytes+sha256.Size || !hmac.Equal(s.code(value[:browserBytes]), value[browserBytes:]) {
		return ""
	}
	return string(value[:browserBytes])
}

// remember gives a browser that has logged in its cookie.
func (s seal) remember(w http.ResponseWriter, r *http.Request) {
	if s.browser(r) != "" {
		return
	}
	number := make([]byte, browserBytes)
	_, _ = rand.Read(number)
	http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: base64.RawURLEncoding.EncodeToString(append(number, s.code(number)...)), Path: "/",
		MaxAge: int(browserLife.Seconds()), HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode})
}

func (s seal) code(number []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(number)
	return mac.Sum(nil)
}

// cookieName is the name of a cookie of ours. Under TLS browsers hold it to this host, this path and TLS.
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}
