package migration_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/hello"
	"drawbridge/internal/migration"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// group is some devices of one kind, for which one plan was made.
type group struct {
	name, account, protocol string // the devices' accounts are account, a number and the domain
	first, devices          int    // the number of the first one, and how many there are
	set                     inventory.Plan
	modern                  bool // TLS 1.2, and a token of its own
}

// fleet are sixty devices, each with an address and an account of its own.
func fleet() []group {
	return []group{
		{name: "fax", account: "fax", protocol: "pop3", devices: 10},
		{name: "scan", account: "scan", protocol: "imap", devices: 10},
		{name: "ticket", account: "ticket", protocol: "imap", devices: 10},
		{name: "pump with a date", account: "pump", protocol: "pop3", devices: 5, set: inventory.Plan{Deadline: "2027-04-01"}},
		{name: "pump", account: "pump", protocol: "pop3", first: 5, devices: 5},
		{name: "modern", account: "modern", protocol: "imap", devices: 10, modern: true},
		{name: "press, blocked", account: "press", protocol: "pop3", devices: 3, set: inventory.Plan{Stage: inventory.StageBlock}},
		{name: "press, warned", account: "press", protocol: "pop3", first: 3, devices: 3, set: inventory.Plan{Stage: inventory.StageWarn}},
		{name: "press, kept", account: "press", protocol: "pop3", first: 6, devices: 3, set: inventory.Plan{Stage: inventory.StageBridge}},
		{name: "press", account: "press", protocol: "pop3", first: 9, devices: 1},
	}
}

// simulated is one device of the fleet.
type simulated struct {
	group
	ip    netip.Addr
	login string
}

// devices are those of the fleet, one by one.
func devices() []simulated {
	var all []simulated
	for n, g := range fleet() {
		for i := range g.devices {
			all = append(all, simulated{g, netip.AddrFrom4([4]byte{10, 20, byte(n), byte(10 + i)}),
				fmt.Sprintf("%s%d@contoso.test", g.account, g.first+i)})
		}
	}
	return all
}

// session is a new one of the device, that has presented a name and a password or token.
func (d *simulated) session(at time.Time) *inventory.Session {
	s := &inventory.Session{Listener: d.protocol + "s", Protocol: d.protocol, TLSMode: "implicit", Source: inventory.Source{IP: d.ip},
		StartedAt: at, Hello: &hello.Hello{Format: hello.FormatTLS, MaxVersion: hello.TLS10, Suites: []uint16{0x002f}}}
	s.ClaimedAccount, s.AuthMechanism = d.login, login.MechanismPlain
	if d.modern {
		s.Hello = &hello.Hello{Format: hello.FormatTLS, MaxVersion: hello.TLS12, Suites: []uint16{0xc02f}, Signatures: []uint16{0x0401}}
		s.AuthMechanism = login.MechanismXOAUTH2
	}
	return s
}

// row is the device as the inventory has it.
func (d *simulated) row() inventory.Device {
	s := d.session(time.Time{})
	row := inventory.Device{ID: s.DeviceOf(d.login), Source: d.ip.String(), SourceIP: d.ip.String(), Account: d.login, Listener: s.Listener,
		Protocol: s.Protocol, TLSMode: s.TLSMode, Readiness: string(s.Readiness()), Stage: d.set.Stage, StageSet: d.set.Stage != "",
		Deadline: d.set.Deadline}
	for _, b := range s.Blockers() {
		row.Blockers = append(row.Blockers, string(b))
	}
	return row
}

// rows are the devices as the inventory has them.
func rows() []inventory.Device {
	var all []inventory.Device
	for _, d := range devices() {
		all = append(all, d.row())
	}
	return all
}

// bridge decides as the running one does: its Decider, with the accounts, the guard and what people set.
type bridge struct {
	*decider.Decider
	rules migration.Rules
}

// quarter is the text of the configuration.
func quarter(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/quarter.yaml")
	must(t, err)
	return string(text)
}

// newBridge makes one of the text of a configuration.
func newBridge(t *testing.T, text string) bridge {
	t.Helper()
	cfg, err := config.Parse("testdata/quarter.yaml", []byte(text), config.Environment{})
	must(t, err)
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	t.Cleanup(func() { services.Retire(nil) })
	verified, err := guard.OpenVerified("")
	must(t, err)
	book, plans := newBook(t), make(migration.Plans)
	for _, row := range rows() {
		plans.Add(&row)
	}
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: book, Verified: verified, Plans: plans.Of,
		Failures: guard.NewFailures(guard.FailureOptions{Verified: verified})})
	must(t, err)
	table, err := decider.Rules(cfg)
	must(t, err)
	known := decider.Known{Listed: book.Listed, Plans: plans.Of, Tokens: decider.Tokens(cfg.Upstreams)}
	return bridge{d, migration.Rules{Table: table, Known: known}}
}

// newBook has the accounts whose passwords are checked here, all 4711.
func newBook(t *testing.T) *accounts.Book {
	t.Helper()
	hash, err := accounts.Hash(secret.New("4711"), accounts.Parameters{Memory: 8, Time: 1, Threads: 1})
	must(t, err)
	var list []accounts.Account
	for _, d := range devices() {
		if d.name == "fax" || d.name == "ticket" {
			list = append(list, accounts.Account{Login: d.login, Mailbox: d.login, Passwords: []accounts.Password{{Hash: hash}}})
		}
	}
	book, err := accounts.NewBook(list, accounts.Options{})
	must(t, err)
	return book
}

// visit is what one login of a device came to.
type visit struct {
	upstream          string
	stage, wouldStage inventory.Stage
	text              string // with the OK, or behind the refusal
	refused           login.Reason
	why               string // the refusal, on record
}

// logIn lets a device log in now, and returns what came of it and the record.
func (b bridge) logIn(t *testing.T, d *simulated) (visit, *inventory.Session) {
	t.Helper()
	now := time.Now()
	s := d.session(now)
	got, err := b.Decide(t.Context(), now, s, login.Credentials{Account: d.login, Password: secret.New("4711"), Mechanism: s.AuthMechanism})
	must(t, err)
	s.Account, s.Mailbox, s.Upstream = cmp.Or(got.Account, strings.ToLower(d.login)), got.Mailbox, got.Upstream.Name()
	s.Stage, s.WouldStage, s.Rules = got.Stage, got.WouldStage, got.Rules
	v := visit{upstream: s.Upstream, stage: got.Stage, wouldStage: got.WouldStage, text: got.Notice}
	if r := refusal(t, &got); r != nil {
		v.text, v.refused, v.why = v.text+r.Text, r.Reason, r.Err.Error()
		s.Reason = v.why
	}
	return v, s
}

// refusal logs in upstream as far as it goes without a network, where the password is right, and returns what the device is told
// instead of OK; nil: it is let in.
func refusal(t *testing.T, got *proxy.Decision) *login.Refusal {
	t.Helper()
	if _, served := got.Credential.(proxy.TokenCredential); served {
		return got.Then
	}
	_, err := got.Credential.Mechanisms(t.Context())
	var r *login.Refusal
	if errors.As(err, &r) {
		return r
	}
	must(t, err)
	got.Credential.Result(login.Accepted)
	return got.Then
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
