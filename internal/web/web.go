// Package web is what a running bridge shows by HTTP: the dashboard, the API beside it, the exports, the bridge's health.
//
// Every page is made on the server and works without JavaScript. A dashboard without a password is read only and
// answers on loopback alone; with one, people log in and get a session cookie, and programs use HTTP Basic with the
// user name "admin". Whatever writes must come from the dashboard's own origin.
//
// What devices sent is hostile: pages show it through inventory.Printable and html/template, and the policy they are
// served under (Content Security Policy, level 3) lets no script run but our own file.
//
// GET /healthz answers while the process lives. GET /readyz answers 200 with the warnings an administrator should know
// of, and 503 while the bridge starts, drains or has no listener that serves. Neither tells a name of a device.
//
// HTTP is that of RFC 9110, cookies RFC 6265, HTTP Basic RFC 7617, passwords RFC 9106.
package web

import (
	"cmp"
	"context"
	"embed"
	"html/template"
	"io"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"go.uber.org/zap"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/source"
	"drawbridge/internal/watch"
	"drawbridge/inventory"
)

// dashboard answers all requests. It is safe for concurrent use.
type dashboard struct {
	Options
	gate    *gate // nil: no password
	seal    seal
	logins  *scs.SessionManager
	origins *http.CrossOriginProtection
	pages   *template.Template
	assets  map[string]asset
	plan    planCache
	fleet   fleetCache
	lists   *fairqueue.Slots[source.Key] // lists and exports under way
}

// Bounds of one request. A page that takes longer than pageTime is given up; an export has exportTime.
const (
	pageTime   = 10 * time.Second
	bulkTime   = 30 * time.Second
	exportTime = 5 * time.Minute
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
		Options: o.withDefaults(), origins: http.NewCrossOriginProtection(), lists: newLists(),
	}
	if d.VerifyPassword != nil {
		d.gate = newGate(d.VerifyPassword, d.Now)
	}
	d.logins, d.seal = newLogins(d.Secure, d.loginFault), newSeal(d.BrowserKey, d.Secure)
	d.assets = loadAssets()
	// The pages are part of the program: a fault in them is one of ours, and every test would see it.
	d.pages = template.Must(template.New("").Funcs(d.functions()).ParseFS(pageFiles, "pages/*.html"))
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
	mux.HandleFunc("GET /migration", d.page(d.showMigration))
	mux.HandleFunc("POST /migration", d.page(d.write(d.change(d.postMigration))))
	mux.HandleFunc("GET /sessions", d.page(d.showSessions))
	mux.HandleFunc("GET /certificates", d.page(d.showCertificates))
	mux.HandleFunc("GET /api", d.page(d.showAPI))

	mux.HandleFunc("GET /ca.pem", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /ca.der", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /ca.p7b", d.program(pageTime, d.serveCA))
	mux.HandleFunc("GET /inventory.csv", d.program(exportTime, d.list(d.export("csv", "text/csv; charset=utf-8"))))
	mux.HandleFunc("GET /inventory.json", d.program(exportTime, d.list(d.export("json", "application/json"))))
	mux.HandleFunc("GET /inventory.html", d.program(exportTime, d.list(d.export("html", "text/html; charset=utf-8"))))
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

// Options are what a dashboard shows and how it is guarded. Functions are called at each request, by any goroutine, and
// must be safe for concurrent use; those that are nil leave their part of the pages out.
type Options struct {
	Reader inventory.Reader // required
	Editor inventory.Editor // nil: read only

	// VerifyPassword tells whether a password is the one of admin.password; Argon2id makes one from a hash. It is called
	// for one password at a time. Nil stands for no password: then everyone on loopback may read, and nobody may write.
	VerifyPassword func(ctx context.Context, password string) bool
	// BrowserKey signs the cookie that tells a browser which was logged in before; it should change with the password. Nil stands
	// for one of this process.
	BrowserKey []byte
	Names      []string // host names answered besides loopback's, admin.names
	Secure     bool     // served over TLS: the cookie is Secure, and browsers are told to stay with TLS

	Live         func() []watch.Session
	Upstreams    func() []watch.Upstream
	Certificates func() []CertificateInfo
	CA           func() CA
	Readiness    func() Readiness // required
	Warnings     func() []string  // beyond those of Readiness: they may tell names
	Metrics      http.Handler     // of /metrics; nil: none

	// Migration returns the fleet as the rules see it, if people had set these plans, by the device's id, beside those that are set; nil:
	// as it is.
	Migration func(set map[string]inventory.Plan) *Migration

	// Export writes the inventory in a format: "csv", "json" or "html". It runs for 5 minutes at most.
	Export func(ctx context.Context, w io.Writer, format string, q inventory.Query) error

	Bridge, Version string
	StageNote       string           // said where a stage is set, such as that no stage is enforced yet
	Now             func() time.Time // nil: time.Now
	Zone            *time.Location   // of the times shown and of days; nil: UTC
	Log             *zap.Logger      // nil: none
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Zone, o.Log = cmp.Or(o.Zone, time.UTC), cmp.Or(o.Log, zap.NewNop())
	return o
}

// CertificateInfo is a certificate that listeners serve, or one that could not be had.
type CertificateInfo struct {
	Name        string    `json:"name"` // of the entry: what the configuration calls it
	Kind        string    `json:"kind"` // "local_ca", "acme", "file"
	Names       []string  `json:"names"`
	Issuer      string    `json:"issuer"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, hex
	LastError   string    `json:"last_error,omitempty"`
}

// CA is the local CA's certificate in the forms that devices import: PEM, DER and PKCS#7. A form that is empty is not
// offered.
type CA struct {
	Name        string
	Fingerprint string // SHA-256, hex
	NotAfter    time.Time
	PEM, DER    []byte
	PKCS7       []byte
}
