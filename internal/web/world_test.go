package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

var now = time.Date(2026, 11, 24, 14, 30, 0, 0, time.UTC)

func clock() time.Time { return now }

// hostile are strings as devices send them to do harm: markup, formulas, terminal codes, line ends, direction marks.
var hostile = [...]string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' autofocus onfocus=alert(1) x='`,
	`</textarea></title><svg onload=alert(1)>`,
	`{{.}}javascript:alert(1)`, `=HYPERLINK("http://evil.example","x")`, "\x1b[31mred\x1b]0;title\x07", "two\r\nSet-Cookie: evil=1",
	"\u202egnp.exe", "a\x00b", "\xff\xfe",
}

// hostileIDs are accounts that are hard to put into a path. Ids of records hold none but visible characters.
var hostileIDs = [...]string{
	`10.0.0.1/CONTOSO\scanner1`, `10.0.0.1/*@contoso.com`, `10.0.0.1/100%`, `10.0.0.1/%2e%2e%2f`, `10.0.0.1/a/b//c/`, `10.0.0.1/..`,
	`10.0.0.1/.`,
	`10.0.0.1/../../login`, `10.0.0.1/?remove`, `10.0.0.1/#top`, `10.0.0.1/a b+c&d=e;f`, `10.0.0.1/"><script>alert(1)</script>`, `fe80::1/-`,
	`10.0.0.1/Jürgen`, `aa:bb:cc:dd:ee:ff/x`, `10.0.0.1/`, `10.0.0.1/{id}`,
}

const testHello = `{"format":"tls","record_version":"1.0","max_version":"1.0","suites":["002f","0035","000a","0005"],` +
	`"groups":["0017"],"tickets":false,"ja3":"e7d705a3286e19ea42f587b344ee6865","ja4":"t10i040000_abc","direct":false}`

// newMemory returns an inventory of a small fleet. Its figures are always the same.
func newMemory(devices int) *memory {
	m := &memory{now: clock}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range devices {
		m.devices = append(m.devices, fleetDevice(i, r))
	}
	for i := range 60 {
		date := now.AddDate(0, 0, i-59)
		m.days = append(m.days, inventory.Day{
			Date: date.Format(time.DateOnly), Sessions: int64(900 - 8*i), Outcomes: inventory.Outcomes{inventory.OutcomeBridged: int64(880 - 8*i),
				inventory.OutcomeTLSFailed: 20},
			TLSVersions: map[string]int64{"1.0": int64(520 - 7*i), "1.1": int64(140 - 2*i), "1.2": int64(200 + i), "1.3": int64(i), "none": 20},
		})
	}
	for i := range 140 {
		m.sessions = append(m.sessions, fleetSession(i, m.devices[i%len(m.devices)]))
	}
	return m
}

var fleetKinds = [...]struct {
	account, vendor, version, readiness string
	category                            inventory.Category
	step                                inventory.NextStep
}{
	{"scanner", "Kyocera", "1.0", "legacy", inventory.CategoryPrinter, inventory.StepUpdate},
	{"fax", "Ricoh", "1.0", "legacy", inventory.CategoryPrinter, inventory.StepReplace},
	{"pump-gateway", "B. Braun", "1.1", "legacy", inventory.CategoryMedical, inventory.StepReplace},
	{"ticket", "", "1.2", "ready", inventory.CategoryApplication, inventory.StepOAuth2},
	{"outlook", "Dell", "1.0", "legacy", inventory.CategoryDesktop, inventory.StepEnable},
	{"alarm", "Honeywell", "", "obsolete", inventory.CategoryIoT, inventory.StepReplace},
	{"backup", "Synology", "1.2", "ready", inventory.CategoryBackup, inventory.StepRepoint},
}

func fleetDevice(i int, r *rand.Rand) inventory.Device {
	k := fleetKinds[i%len(fleetKinds)]
	source := fmt.Sprintf("10.20.%d.%d", i/250, 1+i%250)
	account := fmt.Sprintf("%s%d", k.account, i)
	seen := now.Add(-time.Duration(r.IntN(40*24)) * time.Hour)
	served := seen
	d := inventory.Device{
		ID: source + "/" + account, Source: source, Account: account, Mailbox: account + "@contoso.com", SourceName: account + ".contoso.local",
		Vendor: k.vendor, SourceMAC: fmt.Sprintf("00:17:c8:00:%02x:%02x", i/250%256, i%250), Hello: json.RawMessage(testHello),
		ClientID: json.RawMessage(`{"name":"Scan","version":"2.1"}`),
		Listener: "imaps", Protocol: "imap", TLSMode: "implicit", TLSVersion: k.version, TLSCipher: "TLS_RSA_WITH_AES_128_CBC_SHA",
		AuthMechanism: "LOGIN", Upstream: "exchange-online", UpstreamAuth: "XOAUTH2", Readiness: k.readiness, Blockers: []string{},
		Stage: inventory.StageBridge, Category: k.category, NextStep: k.step, Evidence: []string{"The name of its address begins with " +
			k.account + "."},
		Stack: "OpenSSL 1.0.1",
		Advice: []inventory.Advice{{Text: "Install the latest firmware: it switches TLS 1.2 on.",
			URL: "https://learn.microsoft.com/exchange"}, {Text: "Then let it send to outlook.office365.com itself."}},
		FirstSeen: now.AddDate(0, -6, 0), LastSeen: seen, LastServed: &served, Sessions: int64(r.IntN(5000)),
		LastOutcome: inventory.OutcomeBridged,
		Outcomes:    inventory.Outcomes{inventory.OutcomeBridged: 320, inventory.OutcomeTLSFailed: 12, inventory.OutcomeLoginFailed: 3},
		TLSVersions: []inventory.VersionUse{{Version: "1.0", Sessions: 310, FirstSeen: now.AddDate(0, -6, 0), LastSeen: seen},
			{Version: "none", Sessions: 12, FirstSeen: now.AddDate(0, -5, 0), LastSeen: seen.AddDate(0, 0, -9)}},
		BytesFrom: 48_120, BytesTo: 9_120_334,
	}
	if k.readiness != "ready" {
		d.Blockers = []string{"tls_version", "key_exchange", "password_login"}
	}
	if i%3 == 0 {
		d.Deadline, d.Owner, d.Priority = now.AddDate(0, 0, 14*(i%13)-20).Format(time.DateOnly), "Facilities", "high"
	}
	if i%11 == 10 {
		d.Account, d.ID, d.Mailbox, d.NextStep = inventory.Stranger, source+"/-", "", inventory.StepWatch
	}
	return d
}

func fleetSession(i int, d inventory.Device) inventory.StoredSession {
	outcome, reason := inventory.OutcomeBridged, ""
	switch i % 9 {
	case 3:
		outcome, reason = inventory.OutcomeTLSFailed,
			"The device does not trust the certificate (alert unknown_ca): let it import the CA of `drawbridge certs export`."
	case 6:
		outcome, reason = inventory.OutcomeLoginFailed, "Wrong password for a known account: set it anew on the device."
	}
	began := now.Add(-time.Duration(i*7) * time.Minute)
	return inventory.StoredSession{ID: fmt.Sprintf("s%d", i), Device: d.ID, StartedAt: began, Outcome: outcome,
		Record: rawRecord(map[string]any{
			"msg": "session", "session_id": fmt.Sprintf("s%d", i), "device": d.ID, "source_ip": d.Source, "account": d.Account, "listener": "imaps",
			"protocol":    "imap",
			"tls_version": d.TLSVersion, "outcome": outcome, "reason": reason, "duration_ms": 1800 + i*37, "bytes_from_device": 900 +
				i, "bytes_to_device": 20_000 + i*900,
		})}
}

// addHostile adds devices, sessions and a history of strings that want to do harm.
func (m *memory) addHostile() {
	for i, s := range hostile {
		d := fleetDevice(i, rand.New(rand.NewPCG(3, 4)))
		d.Source = "10.66.0.1"
		d.Account = inventory.Printable(s)
		d.ID = d.Source + "/" + d.Account
		d.Mailbox, d.SourceName, d.Vendor, d.Description, d.Owner, d.Note, d.Stack, d.LastReason = s, s, s, s, s, s, s, s
		d.TLSVersion, d.TLSCipher, d.UpstreamSays, d.AlertReceived, d.Evidence, d.Advice = s, s, s, s, []string{s},
			[]inventory.Advice{{Text: s, URL: "javascript:alert(1)"}}
		d.Readiness, d.NextStep, d.Priority, d.Listener, d.Blockers, d.MergedIDs = s, inventory.NextStep(s), s, s, []string{s},
			[]string{"10.66.0.2/" + s}
		d.ClientID = rawRecord(map[string]any{"name": s, s: "x"})
		d.Hello = rawRecord(map[string]any{"format": s, "server_name": s, "max_version": s, "suites": []string{s}, "ja3": s})
		m.devices = append(m.devices, d)
		m.history = append(m.history, inventory.Change{Time: now, Device: d.ID, Key: inventory.KeyNote, Old: s, New: s, By: s})
		m.sessions = append([]inventory.StoredSession{{ID: s, Device: d.ID, StartedAt: now, Outcome: inventory.OutcomeLoginFailed,
			Record: rawRecord(map[string]any{
				"source_ip": "10.66.0.1", "claimed_account": s, "reason": s, "listener": s, "tls_version": s,
			})}}, m.sessions...)
	}
	m.days = append(m.days, inventory.Day{Date: now.Format(time.DateOnly), Sessions: 1, TLSVersions: map[string]int64{hostile[0]: 1},
		Outcomes: inventory.Outcomes{inventory.Outcome(hostile[1]): 1}})
}

const testPassword = "correct horse"

// verify is a check without the cost of argon2; Argon2id has tests of its own.
func verify(_ context.Context, password string) bool { return password == testPassword }

// options are those of a dashboard with everything in it.
func options(m *memory) web.Options {
	return web.Options{
		Reader: m, Editor: m, VerifyPassword: verify, Names: []string{"bridge.contoso.com"}, Now: clock, Bridge: "bridge-1", Version: "1.0.0",
		Readiness: func() web.Readiness {
			return web.Readiness{Ready: true, State: "serving",
				Warnings: []string{"10.20.0.1 carries 34 accounts: run the container with host networking, or use the PROXY protocol."}}
		},
		Live: func() []watch.Session {
			return []watch.Session{{ID: "l1", Device: m.devices[0].ID, Source: m.devices[0].Source, Account: m.devices[0].Account,
				Mailbox:  m.devices[0].Mailbox,
				Listener: "imaps", Protocol: "imap", TLSVersion: "1.0", Phase: "relay", Upstream: "exchange-online", Since: now.Add(-4 * time.Minute),
				BytesFrom: 2200, BytesTo: 481_000}}
		},
		Upstreams: func() []watch.Upstream {
			return []watch.Upstream{{Name: "exchange-online", Addresses: []string{"imap outlook.office365.com:993",
				"pop3 outlook.office365.com:995"}, Auth: "client_credentials",
				LastServed: now.Add(-20 * time.Second), LastFailure: now.Add(-3 * time.Hour),
				LastReason: "Entra ID was throttled (AADSTS50196): wait.", Served24h: 8120, Failed24h: 3},
				{Name: "on-prem", Addresses: []string{"imap mail.contoso.local:143"}, Auth: "passthrough", LastServed: now.Add(-2 * time.Minute),
					Served24h: 411}}
		},
		Certificates: func() []web.CertificateInfo {
			return []web.CertificateInfo{{Name: "certificates[0]", Kind: "local_ca", Names: []string{"bridge.contoso.local", "10.20.0.5"},
				Issuer:   "Drawbridge CA bridge-1",
				NotAfter: now.AddDate(1, 0, 0), Fingerprint: "3f5f2a9c70c1d25e6f0b1f0d8a4b5a7be13c2f0b9d2b0ad8bfc3f9b56c9e8a10"},
				{Name: "certificates[1]", Kind: "acme", Names: []string{"bridge.contoso.com"}, Issuer: "Let's Encrypt", NotAfter: now.AddDate(0, 0, 9),
					LastError: "The CA could not reach port 80: open it."}}
		},
		CA: func() web.CA {
			return web.CA{Name: "Drawbridge CA bridge-1", Fingerprint: "aa11", NotAfter: now.AddDate(10, 0, 0), PEM: []byte("pem"),
				DER: []byte("der"), PKCS7: []byte("p7")}
		},
		Export: m.export,
	}
}

// export writes ids and owners, enough to see which devices were selected.
func (m *memory) export(ctx context.Context, w io.Writer, format string, q inventory.Query) error {
	devices, _, err := m.Devices(ctx, q)
	if err != nil {
		return err
	}
	switch format {
	case "csv":
		c := csv.NewWriter(w)
		for _, d := range devices {
			if err := c.Write([]string{d.ID, d.Owner}); err != nil {
				return err
			}
		}
		c.Flush()
		return c.Error()
	case "json":
		return json.NewEncoder(w).Encode(map[string]any{"devices": devices})
	}
	_, err = fmt.Fprintf(w, "<!doctype html><title>Report</title><p>%d devices", len(devices))
	return err
}
