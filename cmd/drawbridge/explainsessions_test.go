package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/decider"
	"drawbridge/internal/hello"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/internal/web"
	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// explainedSessions is how many sessions are on record, of all devices in turn, over the days from explainedFrom on.
const (
	explainedSessions = 1000
	explainedDays     = 90
)

// explainedDevice is one whose sessions are on record.
type explainedDevice struct {
	ip, mac, login, protocol string
	modern                   bool // TLS 1.2
	token                    bool // one of its own
	set                      map[string]string
}

// explainedDevices are of every kind that the rules of testdata/explain tell apart.
func explainedDevices() []explainedDevice {
	list := []explainedDevice{
		{ip: "10.20.3.1", login: "scanner", protocol: "imap"},
		{ip: "10.20.3.2", login: `contoso\SCAN`, protocol: "pop3"},
		{ip: "10.20.3.3", login: "Scan.Old", protocol: "imap", set: map[string]string{"stage": "warn"}},
		{ip: "10.20.3.4", login: "Ticket@contoso.test", protocol: "imap", modern: true},
		{ip: "10.20.3.5", login: "fax1@fleet.test", protocol: "imap"},
		{ip: "10.20.3.5", login: "fax1@fleet.test", protocol: "pop3"}, // the same device
		{ip: "10.20.3.6", login: "Pump1@contoso.test", protocol: "pop3", set: map[string]string{"deadline": "2027-03-10"}},
		{ip: "10.20.3.7", mac: "00:17:c8:00:00:07", login: "copier", protocol: "imap"},
		{ip: "10.20.3.8", login: "token1@contoso.test", protocol: "imap", modern: true, token: true},
		{ip: "2001:db8::9", login: "fax2@fleet.test", protocol: "pop3"},
		{ip: "192.0.2.7", login: "copier", protocol: "pop3", set: map[string]string{"stage": "bridge"}},
		{ip: "192.0.2.8", login: "copier", protocol: "pop3"},
	}
	for i := range 8 {
		list = append(list, explainedDevice{ip: fmt.Sprintf("10.20.4.%d", i+1), login: fmt.Sprintf("PC%d@contoso.test", i), protocol: "imap"})
	}
	return list
}

func (d *explainedDevice) session(at time.Time) *inventory.Session {
	s := &inventory.Session{Listener: d.protocol + "s", Protocol: d.protocol, TLSMode: "implicit", StartedAt: at, Time: at.Add(time.Second),
		Source: inventory.Source{IP: netip.MustParseAddr(d.ip), MAC: d.mac}, Phase: inventory.PhaseDecide, Outcome: inventory.OutcomeBridged,
		Hello: &hello.Hello{Format: hello.FormatTLS, MaxVersion: hello.TLS10, Suites: []uint16{0x002f}}}
	s.ClaimedAccount, s.AuthMechanism = d.login, login.MechanismLogin
	if d.modern {
		s.Hello = &hello.Hello{Format: hello.FormatTLS, MaxVersion: hello.TLS12, Suites: []uint16{0xc02f}, Signatures: []uint16{0x0401}}
	}
	if d.token {
		s.AuthMechanism = login.MechanismXOAUTH2
	}
	return s
}

// explainedConfig writes the configuration, and returns where it is.
func explainedConfig(t *testing.T) (path string, cfg *config.Config) {
	t.Helper()
	text, err := os.ReadFile("testdata/explain/drawbridge.yaml")
	must(t, err)
	hash, err := accounts.Hash(secret.New("4711"), accounts.Parameters{Memory: 8, Time: 1, Threads: 1})
	must(t, err)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	path = filepath.Join(dir, "drawbridge.yaml")
	filled := strings.NewReplacer("$DATA", filepath.Join(dir, "data"), "$HASH", hash).Replace(string(text))
	must(t, os.WriteFile(path, []byte(filled), 0o600))
	cfg, err = loadConfig(path)
	must(t, err)
	return path, cfg
}

// explainedInventory has the data directory as a running bridge has it: commands ask its control socket.
func explainedInventory(t *testing.T, cfg *config.Config) *ledger.Ledger {
	t.Helper()
	dir, err := openDataDir(cfg.DataDir)
	must(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	l, err := openLedger(cfg, inventory.Instance{Bridge: "test", Run: "1"}, func(inventory.ChangeLine) {}, zap.NewNop())
	must(t, err)
	l.Start()
	t.Cleanup(func() { must(t, l.Close()) })
	socket, err := control.Listen(cfg.DataDir)
	must(t, err)
	server := web.Server{Socket: socket, Bounds: web.ControlBounds(), Name: "control socket", Log: zap.NewNop(),
		Handler: control.Handler(control.Options{Stock: func(context.Context) control.Stock { return l.Current() }})}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(ctx) })
	t.Cleanup(func() {
		stop()
		serving.Wait()
	})
	return l
}

// recordSessions lets the bridge's Decider decide sessions of all devices in turn, and writes them to the inventory.
func recordSessions(t *testing.T, cfg *config.Config, l *ledger.Ledger) {
	t.Helper()
	devices := explainedDevices()
	setDevices(t, l, devices)
	d := explainedDecider(t, cfg, l)
	begin := time.Date(2027, 2, 1, 0, 0, 0, 0, cfg.Timezone)
	for i := range explainedSessions {
		one := &devices[i%len(devices)]
		s := one.session(begin.Add(time.Duration(i) * explainedDays * 24 * time.Hour / explainedSessions))
		s.ID, s.Bridge, s.Run = fmt.Sprintf("s%d", i), "test", "1"
		got, err := d.Decide(t.Context(), s.StartedAt, s, login.Credentials{Account: one.login, Password: secret.New("4711"),
			Mechanism: s.AuthMechanism})
		must(t, err)
		s.Account, s.Mailbox, s.Upstream = cmp.Or(got.Account, strings.ToLower(one.login)), got.Mailbox, got.Upstream.Name()
		s.Stage, s.WouldStage, s.Rules = got.Stage, got.WouldStage, got.Rules
		if got.Stage == inventory.StageBlock || got.Stage == inventory.StageBrownout {
			s.Outcome = inventory.OutcomeRefused
		}
		l.Journal.Ended(s)
	}
	must(t, l.CatchUp(t.Context()))
}

// setDevices sets what people set, before the first session.
func setDevices(t *testing.T, l *ledger.Ledger, devices []explainedDevice) {
	t.Helper()
	for i := range devices {
		d := &devices[i]
		if len(d.set) == 0 {
			continue
		}
		id := d.session(time.Time{}).DeviceOf(d.login)
		must(t, l.Import(t.Context(), []string{id}, "test"))
		must(t, l.Set(t.Context(), id, d.set, "test"))
	}
}

// explainedDecider is the one that a bridge would have.
func explainedDecider(t *testing.T, cfg *config.Config, l *ledger.Ledger) *decider.Decider {
	t.Helper()
	keeper := newKeeper(cfg)
	must(t, keeper.Serve(nil, nil))
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	t.Cleanup(func() { services.Retire(nil) })
	verified, err := guard.OpenVerified("")
	must(t, err)
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: keeper, Verified: verified, Plans: l.Plans,
		Failures: guard.NewFailures(guard.FailureOptions{Verified: verified})})
	must(t, err)
	return d
}

// recordedSession is what a record and explain both tell.
type recordedSession struct {
	ID             string            `json:"session_id"`
	StartedAt      time.Time         `json:"started_at"`
	SourceIP       string            `json:"source_ip"`
	ClaimedAccount string            `json:"claimed_account"`
	Listener       string            `json:"listener"`
	Protocol       string            `json:"protocol"`
	Upstream       string            `json:"upstream"`
	Mailbox        string            `json:"mailbox"`
	Stage          string            `json:"stage"`
	WouldStage     string            `json:"would_stage"`
	Rules          map[string]string `json:"rules"`
}

// recordedSessions are all of the inventory.
func recordedSessions(t *testing.T, cfg *config.Config) (all []recordedSession) {
	t.Helper()
	must(t, withStock(t.Context(), cfg, func(s control.Stock) error {
		q := inventory.SessionQuery{Limit: explainedSessions}
		return inventory.EachSession(t.Context(), s, q, func(stored *inventory.StoredSession) error {
			all = append(all, recordedSession{})
			return json.Unmarshal(stored.Record, &all[len(all)-1])
		})
	}))
	return all
}

// same reports whether explain tells of a session what its record does.
func (r *recordedSession) same(e *recordedSession) bool {
	return e.Listener == r.Listener && e.Protocol == r.Protocol && e.Upstream == r.Upstream && e.Mailbox == r.Mailbox &&
		e.Stage == r.Stage && e.WouldStage == r.WouldStage && maps.Equal(e.Rules, r.Rules)
}

// TestExplain_AgreesWithAThousandSessions: of each session on record, the command that is told its source, login, listener and time
// prints what the bridge decided. All else it has from the inventory.
func TestExplain_AgreesWithAThousandSessions(t *testing.T) {
	t.Parallel()
	path, cfg := explainedConfig(t)
	recordSessions(t, cfg, explainedInventory(t, cfg))
	all := recordedSessions(t, cfg)
	kinds, byLogin := make(map[string]bool), make(map[string][]recordedSession)
	for _, r := range all {
		kinds[strings.TrimSpace(r.Upstream+" "+r.Stage+" "+r.WouldStage)] = true
		byLogin[r.SourceIP+" "+r.Listener] = append(byLogin[r.SourceIP+" "+r.Listener], r)
	}
	want := []string{"dovecot block", "dovecot bridge", "dovecot brownout", "dovecot warn", "online bridge", "online bridge block",
		"online warn"}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) || len(all) != explainedSessions {
		t.Fatalf("%d sessions are on record, of %q, want %d of %q", len(all), got, explainedSessions, want)
	}
	for who, sessions := range byLogin {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			for i := range sessions {
				sessions[i].explain(t, path)
			}
		})
	}
}

// explain compares the record with what the command says of the session.
func (r *recordedSession) explain(t *testing.T, config string) {
	t.Helper()
	text := commanded(t, "explain", "--config", config, "--source", r.SourceIP, "--account", r.ClaimedAccount, "--listener", r.Listener,
		"--at", r.StartedAt.Format(time.RFC3339Nano), "--json")
	var e recordedSession
	must(t, json.Unmarshal([]byte(text), &e))
	if !r.same(&e) {
		t.Fatalf("%s by %s at %s:\nexplain says %+v\non record is %+v", r.ClaimedAccount, r.Listener, r.StartedAt, e, *r)
	}
}
