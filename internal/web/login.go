package web

import (
	"net/http"
	"strings"

	"go.uber.org/zap"
)

const (
	wrongText   = "Wrong password."
	tooManyText = "Too many wrong passwords came from your address, or too many at once. Wait and try again."
)

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
	if err := r.ParseForm(); err != nil || d.gate == nil {
		d.fail(w, r, http.StatusBadRequest, "There is no password to log in with.")
		return
	}
	next := localPath(r.PostForm.Get("next"))
	v, wait := d.gate.try(r.Context(), sourceOf(r), r.PostForm.Get("password"))
	switch v {
	case accepted:
		if err := logIn(r.Context(), d.logins); err != nil {
			d.loginFault(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	case wrong:
		d.Log.Warn("a login to the dashboard failed", zap.String("source_ip", sourceOf(r).Addr().String()))
		d.render(w, r, http.StatusUnauthorized, "login", "Log in", loginPage{Next: next, Fault: wrongText})
	case tooMany, busy:
		refuseForNow(w, wait)
		d.render(w, r, http.StatusTooManyRequests, "login", "Log in", loginPage{Next: next, Fault: tooManyText})
	}
}

func (d *dashboard) postLogout(w http.ResponseWriter, r *http.Request) {
	if err := d.logins.Destroy(r.Context()); err != nil {
		d.loginFault(w, r, err)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns where to go after a login: a path of ours, never another site.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		strings.HasPrefix(next, "/login") {
		return "/"
	}
	return next
}
