package web

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"drawbridge/config"
)

// Readiness is what /readyz says.
type Readiness struct {
	Ready    bool     `json:"ready"`
	State    string   `json:"state"` // "starting", "serving", "draining"
	Warnings []string `json:"warnings"`
}

// Health returns the handler of /healthz and /readyz. ready is asked at each request, by any goroutine.
func Health(ready func() Readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeReadiness(w, ready()) })
	return mux
}

func writeReadiness(w http.ResponseWriter, r Readiness) {
	r.Warnings = orEmpty(r.Warnings)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r)
}

// OnlyHosts answers 421 to requests for other hosts than loopback's names, loopback addresses and names, so that a page
// of a stranger cannot reach the handler through a name of its own (DNS rebinding). /healthz and /readyz answer to any name and
// to none, as load balancers and kubelets ask: they tell nothing that such a page could not know.
func OnlyHosts(names []string, next http.Handler) http.Handler {
	known := make([]string, len(names))
	for i, n := range names {
		known[i] = config.HostForm(n)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" && !allowedHost(r.Host, known) {
			http.Error(w, "this name is not in admin.names", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func allowedHost(hostport string, names []string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = config.HostForm(host)
	if host == "localhost" || slices.Contains(names, host) {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
