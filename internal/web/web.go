package web

import (
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"go.uber.org/zap"
)

// dashboard answers all requests. It is safe for concurrent use.
type dashboard struct {
	Options
	gate      *gate // nil: no password
	logins    *scs.SessionManager
	origins   *http.CrossOriginProtection
	pages     *template.Template
	assets    map[string]asset
	plan      planCache
	exporting chan struct{} // one token an export under way
}

// Bounds of one request. A page that takes longer than pageTime is given up; an export has exportTime.
const (
	pageTime   = 10 * time.Second
	bulkTime   = 30 * time.Second
	exportTime = 5 * time.Minute
	maxExports = 2
	maxBody    = 256 << 10
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// New returns the handler of the admin address: dashboard, API, exports, /metrics, /healthz and /readyz. It answers 421
// to names other than loopback's and Options.Names.
func New(o Options) http.Handler {
	d := &dashboard{
		Options: o.withDefaults(), origins: http.NewCrossOriginProtection(), exporting: make(chan struct{}, maxExports),
	}
	if d.VerifyPassword != nil {
		d.gate = newGate(d.VerifyPassword, d.Now)
	}
	d.logins = newLogins(d.Secure, d.loginFault)
	d.assets = loadAssets()
	d.pages = d.parsePages()
	return OnlyHosts(d.Names, d.guard(d.routes()))
}

// routes is the whole of what the admin address answers. What stands in it without a guard needs no password.
func (d *dashboard) routes() http.Handler {
	mux := http.NewServeMux()
	health := Health(d.Readiness)
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /readyz", health)
	mux.HandleFunc("GET /assets/{name}", d.serveAsset)
	mux.HandleFunc("GET /login", d.showLogin)
	mux.HandleFunc("POST /login", d.write(d.postLogin))
	mux.HandleFunc("POST /logout", d.write(d.postLogout))

	mux.HandleFunc("GET /{$}", d.page(d.showOverview))
	mux.HandleFunc("GET /devices", d.page(d.showDevices))
	mux.HandleFunc("POST /devices", d.page(d.write(d.change(d.postDevices))))
	mux.HandleFunc("GET /devices/{id...}", d.page(d.showDevice))
	mux.HandleFunc("POST /devices/{id...}", d.page(d.write(d.change(d.postDevice))))
	mux.HandleFunc("GET /sessions", d.page(d.showSessions))
	mux.HandleFunc("GET /certificates", d.page(d.showCertificates))
	mux.HandleFunc("GET /api", d.page(d.showAPI))

	mux.HandleFunc("GET /ca.pem", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /ca.der", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /ca.p7b", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /inventory.csv", d.program(exportTime, d.export("csv", "text/csv; charset=utf-8")))
	mux.HandleFunc("GET /inventory.json", d.program(exportTime, d.export("json", "application/json")))
	mux.HandleFunc("GET /inventory.html", d.program(exportTime, d.export("html", "text/html; charset=utf-8")))
	d.routeAPI(mux)
	if d.Metrics != nil {
		mux.HandleFunc("GET /metrics", d.program(pageTime, d.Metrics.ServeHTTP))
	}
	mux.HandleFunc("/", d.page(d.showNothing))
	return mux
}

func (d *dashboard) loginFault(w http.ResponseWriter, r *http.Request, err error) {
	d.Log.Error("the dashboard cannot keep a login", zap.Error(err))
	http.Error(w, "the login could not be kept, please try again", http.StatusInternalServerError)
}
