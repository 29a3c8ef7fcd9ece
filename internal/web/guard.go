package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// policy lets a page load our own style sheet, script and pictures, and nothing else from anywhere.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

const (
	readOnlyText = "This dashboard is read only: set admin.password in the configuration to change anything here."
	noEditorText = "This dashboard is read only: the bridge keeps no inventory that can be changed."
	originText   = "A change must come from this dashboard's own pages: send Origin or Sec-Fetch-Site of the same origin."
)

// guard stands before everything: it bounds requests in size and time, tells browsers what pages may do, and logs a panic
// once.
func (d *dashboard) guard(next http.Handler) http.Handler {
	next = d.logins.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer d.logPanic(r)
		d.setHeaders(w.Header())
		if d.gate == nil && !arrivedOnLoopback(r) {
			http.Error(w, "a dashboard without admin.password answers on loopback only", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		ctx, cancel := context.WithTimeout(r.Context(), exportTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// logPanic logs a panic and lets net/http close the connection without logging it again.
func (d *dashboard) logPanic(r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		d.Log.Error("the dashboard failed at a request", zap.String("method", r.Method), zap.String("pattern", r.Pattern),
			zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}

func (d *dashboard) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	// Not no-referrer: with it browsers send "Origin: null" with our own forms, and those without Sec-Fetch-Site could
	// then not write (Fetch, section 3.1, "append a request Origin header").
	h.Set("Referrer-Policy", "same-origin")
	if d.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// arrivedOnLoopback is true where the address is not known, as in tests without a connection.
func arrivedOnLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || local == nil || local.Network() == "unix" {
		return true
	}
	a, err := netip.ParseAddrPort(local.String())
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// within gives a handler so long.
func within(limit time.Duration, w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	// A connection that has no deadlines, such as a test's, keeps its own bounds.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + pageTime))
	next(w, r.WithContext(ctx))
}

// page guards what people look at: without a login it leads to the login page.
func (d *dashboard) page(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if d.gate != nil && !d.logins.GetBool(r.Context(), loggedIn) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				d.fail(w, r, http.StatusUnauthorized, "Your login has ended: log in again. Nothing was changed.")
				return
			}
			http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return
		}
		limit := pageTime
		if r.Method == http.MethodPost {
			limit = bulkTime
		}
		within(limit, w, r, next)
	}
}

// program guards what programs read too: a login or HTTP Basic.
func (d *dashboard) program(limit time.Duration, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if d.gate == nil || d.logins.GetBool(r.Context(), loggedIn) {
			within(limit, w, r, next)
			return
		}
		user, password, ok := r.BasicAuth()
		if !ok {
			d.challenge(w, "log in, or send HTTP Basic with the user name admin")
			return
		}
		// Another name costs no check, and reads like a wrong password.
		if user != "admin" || !d.check(w, r, password) {
			d.challenge(w, "wrong user name or password")
			return
		}
		within(limit, w, r, next)
	}
}

func (d *dashboard) challenge(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Drawbridge", charset="UTF-8"`)
	writeJSON(w, http.StatusUnauthorized, apiError{Error: text})
}

// refuseForNow says when to come again, rounded up to a second.
func refuseForNow(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(max(time.Second, wait+time.Second-1)/time.Second)))
}

// write guards what changes something: it must come from our own pages.
func (d *dashboard) write(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !d.sameOrigin(r) {
			d.fail(w, r, http.StatusForbidden, originText)
			return
		}
		next(w, r)
	}
}

// sameOrigin tells whether a request comes from our own pages. Unlike http.CrossOriginProtection alone it wants proof.
func (d *dashboard) sameOrigin(r *http.Request) bool {
	if d.origins.Check(r) != nil {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	scheme := "http://"
	if d.Secure {
		scheme = "https://"
	}
	return strings.EqualFold(r.Header.Get("Origin"), scheme+r.Host)
}

// change guards what changes the inventory.
func (d *dashboard) change(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.gate == nil:
			d.fail(w, r, http.StatusForbidden, readOnlyText)
		case d.Editor == nil:
			d.fail(w, r, http.StatusForbidden, noEditorText)
		default:
			next(w, r)
		}
	}
}
