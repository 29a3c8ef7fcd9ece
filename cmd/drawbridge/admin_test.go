package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
)

// visitor asks the admin address of a bridge, and follows no redirect.
type visitor struct {
	t        *testing.T
	base     string
	password string // empty: none is sent
	client   *http.Client
}

func newVisitor(t *testing.T, base, password string, config *tls.Config) *visitor {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, base: strings.TrimSuffix(base, "/"), password: password,
		client: &http.Client{Transport: transport, Timeout: patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// do sends a request; change may alter it.
func (v *visitor) do(method, path string, form url.Values, change func(*http.Request)) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	must(v.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.base)
	}
	if v.password != "" {
		r.SetBasicAuth("admin", v.password)
	}
	if change != nil {
		change(r)
	}
	answer, err := v.client.Do(r)
	must(v.t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	must(v.t, err)
	return answer, string(body)
}

// get wants 200 and returns the body.
func (v *visitor) get(path string) string {
	v.t.Helper()
	answer, body := v.do(http.MethodGet, path, nil, nil)
	if answer.StatusCode != http.StatusOK {
		v.t.Errorf("GET %s: %s: %.300s", path, answer.Status, body)
	}
	return body
}

// wantStatus sends a request and compares its status.
func (v *visitor) wantStatus(want int, method, path string, form url.Values, change func(*http.Request)) *http.Response {
	v.t.Helper()
	answer, body := v.do(method, path, form, change)
	if answer.StatusCode != want {
		v.t.Errorf("%s %s: %s, want %d: %.300s", method, path, answer.Status, want, body)
	}
	return answer
}

const adminPassword = "for this test alone"

// adminHash is a cheap hash of adminPassword.
func adminHash(t *testing.T) string {
	t.Helper()
	hash, err := accounts.Hash(secret.New(adminPassword), accounts.Parameters{Memory: 64, Time: 1, Threads: 1})
	must(t, err)
	return hash
}

// TestAdmin_OffLoopbackWithPasswordAndTLS opens the admin address on every interface.
func TestAdmin_OffLoopbackWithPasswordAndTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := fmt.Sprintf(`admin: {address: "0.0.0.0:0", names: [bridge.contoso.local], password: %q, certificate: local_ca}`, adminHash(t))
	w.start(w.configure(strings.Replace(bridgeConfig, `admin: {address: ""}`, admin, 1),
		"upstreams:\n"+w.upstream("mail", "127.0.0.1:1", "127.0.0.1:1")))
	_, port, err := net.SplitHostPort(w.bridge.admin.Addr().String())
	must(t, err)
	address := net.JoinHostPort("127.0.0.1", port)
	leaf := w.adminHandshake(t, address)
	if err := leaf.CheckSignatureFrom(w.ca(t)); err != nil {
		t.Errorf("the certificate is not of the local CA: %v", err)
	}
	v := newVisitor(t, "https://"+address, "", &tls.Config{RootCAs: w.roots, ServerName: "bridge.contoso.local", MinVersion: tls.VersionTLS12})
	if a := v.wantStatus(http.StatusSeeOther, http.MethodGet, "/devices", nil, nil); a.Header.Get("Location") != "/login?next=%2Fdevices" {
		t.Errorf("without a login /devices leads to %q", a.Header.Get("Location"))
	}
	v.wantStatus(http.StatusUnauthorized, http.MethodGet, "/inventory.csv", nil, nil)
	v.wantStatus(http.StatusUnauthorized, http.MethodGet, "/api/devices", nil, nil)
	v.wantStatus(http.StatusOK, http.MethodGet, "/healthz", nil, nil)
	ours := func(r *http.Request) { r.Host = "bridge.contoso.local:" + port }
	v.wantStatus(http.StatusOK, http.MethodGet, "/login", nil, ours)
	for _, stranger := range []string{"attacker.example", "10.20.0.5", "bridge.contoso.local.attacker.example"} {
		v.wantStatus(http.StatusMisdirectedRequest, http.MethodGet, "/login", nil, func(r *http.Request) { r.Host = stranger })
	}
	a := v.wantStatus(http.StatusSeeOther, http.MethodPost, "/login", url.Values{"password": {adminPassword}}, func(r *http.Request) {
		ours(r)
		r.Header.Set("Origin", "https://"+r.Host)
	})
	if c := a.Cookies(); len(c) != 2 || slices.ContainsFunc(c, func(c *http.Cookie) bool {
		return !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode
	}) {
		t.Errorf("cookies %v, want two that are Secure, HttpOnly and of the same site", c)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to stay with TLS")
	}
}

// adminHandshake wants TLS 1.2 and newer, and a certificate for every name; it returns that.
func (w *world) adminHandshake(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	for _, name := range []string{"bridge.contoso.local", "localhost"} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			d := tls.Dialer{Config: &tls.Config{RootCAs: w.roots, ServerName: name, MinVersion: version, MaxVersion: version}}
			c, err := d.DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatalf("%s as %s: %v", tls.VersionName(version), name, err)
			}
			leaf = c.(*tls.Conn).ConnectionState().PeerCertificates[0]
			must(t, c.Close())
		}
	}
	old := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}
	if c, err := old.DialContext(t.Context(), "tcp", address); err == nil {
		_ = c.Close()
		t.Error("the admin address takes TLS 1.1")
	}
	return leaf
}

// ca is the certificate of the bridge's local CA.
func (w *world) ca(t *testing.T) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(w.bridge.authority().DER)
	must(t, err)
	return cert
}

// TestAdmin_ValidateRefusesItOffLoopbackWithoutBoth has `drawbridge validate` read what must not be.
func TestAdmin_ValidateRefusesItOffLoopbackWithoutBoth(t *testing.T) {
	t.Parallel()
	hash := adminHash(t)
	for admin, missing := range map[string]string{
		`address: "0.0.0.0:0"`:                                       "admin.password and admin.certificate are missing",
		fmt.Sprintf(`address: "[::]:8025", password: %q`, hash):      "admin.certificate is missing",
		`address: ":8025", certificate: local_ca`:                    "admin.password is missing",
		fmt.Sprintf(`address: "10.20.0.5:8025", password: %q`, hash): "admin.certificate is missing",
	} {
		file := filepath.Join(t.TempDir(), "drawbridge.yaml")
		must(t, os.WriteFile(file, []byte("admin: {names: [bridge.contoso.local], "+admin+"}\n"), 0o600))
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"validate", "--config", file}, &stdout, &stderr); code != exitFailed ||
			!strings.Contains(stderr.String(), missing) {
			t.Errorf("%s: exit %d, want 1 and %q in\n%s", admin, code, missing, &stderr)
		}
		if strings.Contains(stderr.String(), hash) {
			t.Errorf("%s: the hash is printed", admin)
		}
	}
}

// TestAdmin_TellsOfAnUpstreamThatFails has a device come for an upstream that is down, and again when it is not.
func TestAdmin_TellsOfAnUpstreamThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right"})
	imap := w.listen(sandbox.ListenOptions{})
	down := freeAddress(t)
	w.start(w.configure(strings.Replace(bridgeConfig, `address: ""`, `address: "127.0.0.1:0"`, 1),
		"upstreams:\n"+w.upstream("mail", down, "127.0.0.1:1")+w.upstream("spare", imap.Address(), "127.0.0.1:1")))
	v := newVisitor(t, "http://"+w.bridge.admin.Addr().String(), "", nil)
	c := dial(t, w.address(sandbox.IMAP, false), tls.VersionTLS10)
	c.hear("* OK")
	c.say("a LOGIN device@contoso.example right")
	c.hear("a NO [UNAVAILABLE]")
	_ = c.Close()
	reason := w.records.wait(t, "device@contoso.example", 1).Reason
	var page string
	until(t, "the overview to tell of the failure", func() bool { page = v.get("/"); return strings.Contains(page, "Wrong now") })
	if !strings.Contains(page, "The last session with the upstream <strong>mail</strong> failed") || reason == "" {
		t.Errorf("the overview does not tell which upstream fails, reason %q", reason)
	}
	var list struct {
		Upstreams []struct {
			Name       string `json:"name"`
			LastReason string `json:"last_reason"`
			Failed     int64  `json:"failed_24h"`
		} `json:"upstreams"`
	}
	must(t, json.Unmarshal([]byte(v.get("/api/upstreams")), &list))
	if len(list.Upstreams) != 2 || list.Upstreams[0].LastReason != reason || list.Upstreams[0].Failed != 1 || list.Upstreams[1].Failed != 0 {
		t.Errorf("upstreams: %+v, want one failure of mail with %q and none of spare", list.Upstreams, reason)
	}
	v.wantStatus(http.StatusForbidden, http.MethodPost, "/api/devices/127.0.0.1/-", url.Values{"owner": {"x"}}, nil)
}

// TestAdmin_ByPrograms uses the API with Basic, and wants what hostile devices sent to do no harm in any format.
func TestAdmin_ByPrograms(t *testing.T) {
	t.Parallel()
	m := newMorning(t)
	m.hostile()
	m.settled()
	v := newVisitor(t, m.scene.dashboard(), m.scene.password, nil)
	owner := url.Values{"owner": {formula}, "note": {markup + "\n" + formula}}
	v.wantStatus(http.StatusForbidden, http.MethodPost, "/api/devices/127.0.0.1/voicemail", owner,
		func(r *http.Request) { r.Header.Del("Origin") })
	v.wantStatus(http.StatusForbidden, http.MethodPost, "/api/devices/127.0.0.1/voicemail", owner,
		func(r *http.Request) { r.Header.Set("Origin", "http://attacker.example") })
	v.wantStatus(http.StatusUnauthorized, http.MethodGet, "/api/totals", nil, func(r *http.Request) { r.SetBasicAuth("admin", "wrong") })
	v.wantStatus(http.StatusOK, http.MethodPost, "/api/devices/127.0.0.1/voicemail", owner, nil)
	v.wantStatus(http.StatusUnprocessableEntity, http.MethodPost, "/api/devices/127.0.0.1/voicemail", url.Values{"stage": {"blocked"}}, nil)
	var device inventory.Device
	must(t, json.Unmarshal([]byte(v.get("/api/devices/127.0.0.1/voicemail")), &device))
	if device.Owner != formula {
		t.Errorf("owner %q, want it as it was set", device.Owner)
	}
	for what, text := range map[string]string{"export": v.get("/inventory.csv"), "command": string(m.export("csv"))} {
		wantHarmlessCSV(t, what, text)
	}
	cookies := v.wantStatus(http.StatusSeeOther, http.MethodPost, "/login", url.Values{"password": {m.scene.password}}, nil).Cookies()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "drawbridge" })
	if len(cookies) != 2 || i < 0 || slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return c.Secure || !c.HttpOnly }) {
		t.Fatalf("cookies without TLS: %v, want those of the login and of the browser", cookies)
	}
	page := func(path string) string {
		_, body := v.do(http.MethodGet, path, nil, func(r *http.Request) { r.AddCookie(cookies[i]) })
		if !strings.Contains(body, "Log out") {
			t.Errorf("%s is no page for who is logged in: %.300s", path, body)
		}
		return body
	}
	for what, text := range map[string]string{"report of the export": v.get("/inventory.html"),
		"report of the command": string(m.export("html")),
		"devices":               page("/devices"),
		"sessions":              page("/sessions"),
		"strangers":             page("/devices/127.0.0.1/-"),
		"voicemail":             page("/devices/127.0.0.1/voicemail")} {
		for _, bad := range []string{"<script>alert", "<img src=x", "<b>owned", "\x1b", "\x07", "\u202e"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q as it was sent", what, bad)
			}
		}
	}
	if table := string(m.export("table")); strings.ContainsAny(table, "\x1b\x07\r\u202e") {
		t.Error("the table holds control characters")
	}
	for what, text := range map[string]string{"export": v.get("/inventory.json"), "command": string(m.export("json"))} {
		var list struct {
			Devices []inventory.Device `json:"devices"`
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Devices) < 10 || strings.ContainsAny(text, "\x1b\x07\u202e") {
			t.Errorf("the JSON of the %s: %v, %d devices, or it holds control characters", what, err, len(list.Devices))
		}
	}
}

// wantHarmlessCSV wants no cell that a spreadsheet takes for a formula, and no control character.
func wantHarmlessCSV(t *testing.T, what, text string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	must(t, err)
	if len(rows) < 10 {
		t.Errorf("%s: %d rows", what, len(rows))
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+@\t\r") || strings.HasPrefix(cell, "-") && cell != "-" ||
				strings.ContainsAny(cell, "\x1b\x07\u202e") {
				t.Errorf("%s has the cell %q", what, cell)
			}
		}
	}
}

// TestAdmin_LiveSessionsAreToldByTheAPI is in IDLE while it asks.
func TestAdmin_LiveSessionsAreToldByTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "device@contoso.example", Password: "right"})
	imap := w.listen(sandbox.ListenOptions{})
	w.start(w.configure(strings.Replace(bridgeConfig, `address: ""`, `address: "127.0.0.1:0"`, 1),
		"upstreams:\n"+w.upstream("mail", imap.Address(), "127.0.0.1:1")))
	v := newVisitor(t, "http://"+w.bridge.admin.Addr().String(), "", nil)
	c := idleDevice(t, w.address(sandbox.IMAP, false))
	for _, where := range []string{"/api/live", "/sessions"} {
		if text := v.get(where); !strings.Contains(text, "127.0.0.1/device@contoso.example") || !strings.Contains(text, "mail") {
			t.Errorf("%s does not tell of the session in IDLE: %.400s", where, text)
		}
	}
	c.say("DONE", "z LOGOUT")
	c.hear("z OK")
	w.records.wait(t, "device@contoso.example", 1)
	until(t, "the session to leave the list", func() bool { return !strings.Contains(v.get("/api/live"), "device@contoso.example") })
}

// TestAdmin_OnASocket has the dashboard where other users of the machine cannot read it.
func TestAdmin_OnASocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(w.dir, "admin.sock")
	w.start(w.configure(strings.Replace(bridgeConfig, `admin: {address: ""}`, fmt.Sprintf("admin: {address: %q}", "unix:"+path), 1),
		"upstreams:\n"+w.upstream("mail", "127.0.0.1:1", "127.0.0.1:1")))
	v := newVisitor(t, "http://localhost", "", nil)
	v.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	for _, page := range []string{"/", "/devices", "/inventory.csv", "/readyz"} {
		v.get(page)
	}
}
