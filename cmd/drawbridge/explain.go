package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/decider"
	"drawbridge/internal/migration"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
	"drawbridge/proxy/policy"
)

// asked is what `drawbridge explain` is told.
type asked struct {
	source, account, listener, mac, readiness, at, replay string
	blockers                                              []string
}

func newExplain() *cobra.Command {
	a := &asked{}
	c := withJSON(&cobra.Command{
		Use:   "explain --source ADDRESS [--account NAME]",
		Short: "What the rules decide for a session, and which rule gave each part",
		Long: `Tells which upstream, mailbox and stage a session gets, which rule gave each setting, why the rules above it did not match, and
what changes in the next 90 days. What the inventory knows of the device (encryption, blockers, what people set) is taken from
there; flags come before it. No network is asked, and nothing is changed.

With --replay the recorded sessions of that time are decided anew by the rules of --config, and the devices are told that would get
another upstream, mailbox or stage. --at then takes all of them as if they came at that time: for rules that hold from a date to come.`,
		Example: `  drawbridge explain --source 10.20.3.7 --account scanner1
  drawbridge explain --source 10.20.3.7 --account scanner1 --at 2027-03-01T08:00
  drawbridge explain --replay 7d --config new.yaml --at 2027-01-15T20:00`,
		PreRunE: func(*cobra.Command, []string) error { return a.check() },
	})
	c.Flags().StringVar(&a.source, "source", "", "the `ADDRESS` that the device connects from")
	c.Flags().StringVar(&a.account, "account", "", "the login `NAME` as the device has it")
	c.Flags().StringVar(&a.listener, "listener", "", "the `NAME` of the listener; default: the device's last one, else the first")
	c.Flags().StringVar(&a.mac, "mac", "", "the `MAC` address of the device")
	c.Flags().StringVar(&a.readiness, "readiness", "", "`WORD`: ready, legacy, obsolete or unknown; default: as the inventory knows it")
	c.Flags().StringSliceVar(&a.blockers, "blockers", nil, "`WORDS` such as tls_version,password_login; default: as the inventory knows them")
	c.Flags().StringVar(&a.at, "at", "", "`TIME`: 2027-03-01, 2027-03-01T08:00 (in timezone) or RFC 3339; default: now")
	c.Flags().StringVar(&a.replay, "replay", "", "decide the sessions of this `TIME` before now anew, such as 7d")
	return configured(c, a.run)
}

func (a *asked) check() error {
	if a.replay != "" {
		return a.checkReplay()
	}
	if a.source == "" {
		return &usageError{errors.New("explain needs --source ADDRESS, the one that the device connects from, or --replay")}
	}
	if _, err := netip.ParseAddr(a.source); err != nil {
		return &usageError{fmt.Errorf("--source: %q is no address: write the one that the device connects from, such as 10.20.3.7", a.source)}
	}
	if a.mac != "" {
		mac, err := net.ParseMAC(a.mac)
		if err != nil {
			return &usageError{fmt.Errorf("--mac: %q is no MAC address such as 00:1b:a9:01:02:03", a.mac)}
		}
		a.mac = mac.String()
	}
	for _, b := range a.blockers {
		if b != "" && !slices.Contains(policy.Blockers(), b) {
			return &usageError{fmt.Errorf("--blockers: %q is none of %s", b, strings.Join(policy.Blockers(), ", "))}
		}
	}
	if a.readiness == "" {
		return nil
	}
	return checkQuery([]string{a.readiness}, nil, nil, nil, "", "")
}

func (a *asked) checkReplay() error {
	if d, err := config.ParseDuration(a.replay); err != nil || d <= 0 {
		return &usageError{fmt.Errorf("--replay: %q is no time to look back: write 7d, or 12h", a.replay)}
	}
	if a.source+a.account+a.listener+a.mac+a.readiness != "" || a.blockers != nil {
		return &usageError{errors.New("--replay is about all recorded sessions: of the other flags it takes --at, --config and --json only")}
	}
	return nil
}

// parseAt reads a time for people: a date or a local time is one of the configuration's time zone.
func parseAt(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Now().In(zone), nil
	}
	if at, ok := config.ParseMoment(text, zone); ok {
		return at, nil
	}
	return time.Time{}, &usageError{fmt.Errorf("--at: %q is no time: write 2027-03-01, 2027-03-01T08:00 or 2027-03-01T08:00:00+01:00", text)}
}

func (a *asked) run(c *cobra.Command, _ []string, cfg *config.Config) error {
	at, err := parseAt(a.at, cfg.Timezone)
	if err != nil {
		return err
	}
	rules, err := rulesOf(cfg)
	if err != nil {
		return err
	}
	if a.replay != "" {
		return a.replayed(c, cfg, rules, at)
	}
	l, err := a.listenerOf(cfg)
	if err != nil {
		return err
	}
	var d *inventory.Device
	_, err = rules.withDevices(c, cfg, func(one *inventory.Device) {
		if a.isOf(rules, one) && (d == nil || one.LastSeen.After(d.LastSeen)) {
			copied := *one
			d = &copied
		}
	})
	if err != nil {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "What people set and the device's encryption are not known: %v\n", terminal.OneLine(err))
	}
	f := a.login(rules, l, d)
	return explain(c, rules, f, a.needs(&f, d), at)
}

// isOf reports whether d is the device that is asked about.
func (a *asked) isOf(rules *ruleBook, d *inventory.Device) bool {
	claim, _ := rules.Known.Listed(a.account)
	byName := d.Account == strings.ToLower(a.account) || claim.Account != "" && d.Account == claim.Account
	return byName && (d.Source == a.source || a.mac != "" && d.Source == a.mac || d.SourceIP == a.source)
}

// listenerOf is the listener that is named, nil where none is.
func (a *asked) listenerOf(cfg *config.Config) (*config.Listener, error) {
	if a.listener == "" {
		return nil, nil //nolint:nilnil // none is asked for
	}
	i := slices.IndexFunc(cfg.Listeners, func(l config.Listener) bool { return l.Name == a.listener })
	if i < 0 {
		names := make([]string, len(cfg.Listeners))
		for i, l := range cfg.Listeners {
			names[i] = l.Name
		}
		return nil, &usageError{fmt.Errorf("--listener: %q is none of %s", a.listener, strings.Join(names, ", "))}
	}
	return &cfg.Listeners[i], nil
}

// login is that of the flags, then of the inventory, then of a device that logs in by password to the first listener.
func (a *asked) login(rules *ruleBook, l *config.Listener, d *inventory.Device) migration.Login {
	s := &inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr(a.source), MAC: a.mac}, ByMAC: rules.byMAC}
	s.AuthMechanism = login.MechanismPlain
	if d != nil {
		s.AuthMechanism = cmp.Or(d.AuthMechanism, s.AuthMechanism)
		s.Listener, s.Protocol, s.TLSMode = d.Listener, d.Protocol, d.TLSMode
		s.Source.MAC = cmp.Or(a.mac, d.SourceMAC)
	}
	if l == nil && s.Listener == "" {
		l = &rules.cfg.Listeners[0]
	}
	if l != nil {
		s.Listener, s.Protocol, s.TLSMode = l.Name, l.Protocol, l.TLS
	}
	f, _ := rules.Known.Facts(s, a.account)
	if d != nil {
		f.Readiness, f.Blockers = d.Readiness, d.Blockers
	}
	f.Readiness = cmp.Or(a.readiness, f.Readiness)
	if a.blockers != nil {
		f.Blockers = slices.DeleteFunc(slices.Clone(a.blockers), func(b string) bool { return b == "" })
	}
	return migration.Login{Facts: f, Token: decider.OwnToken(s.AuthMechanism)}
}

// needs reports whether the device is known to depend on the bridge: by the flags or the inventory, in which a device may be that was
// imported and never came. Of a device that nobody knows it is not said.
func (a *asked) needs(f *migration.Login, d *inventory.Device) bool {
	if d != nil {
		return f.Readiness != "ready" || len(f.Blockers) > 0
	}
	return a.readiness != "" && a.readiness != "ready" || slices.ContainsFunc(a.blockers, func(b string) bool { return b != "" })
}

// ruleBook is what commands decide by.
type ruleBook struct {
	migration.Rules
	cfg   *config.Config
	byMAC bool
}

// rulesOf compiles the rules of a configuration and reads who is listed; what people set is told by withDevices.
func rulesOf(cfg *config.Config) (*ruleBook, error) {
	table, err := decider.Rules(cfg)
	if err != nil {
		return nil, err
	}
	store, err := accounts.OpenStore(filepath.Join(cfg.DataDir, accountsFolder))
	if err != nil {
		return nil, terminal.OneLine(err)
	}
	list := store.List()
	for _, a := range cfg.Accounts {
		list = append(list, accountOf(a))
	}
	book, err := accounts.NewBook(list, accounts.Options{Unchecked: true})
	if err != nil {
		return nil, terminal.OneLine(err)
	}
	known := decider.Known{Listed: book.Listed, Tokens: decider.Tokens(cfg.Upstreams)}
	return &ruleBook{Rules: migration.Rules{Table: table, Known: known}, cfg: cfg,
		byMAC: cfg.Inventory.IdentifyBy == config.IdentifyByMAC}, nil
}

// withDevices shows every device of the inventory, after which the rules know what people set. It returns how many there are.
func (r *ruleBook) withDevices(c *cobra.Command, cfg *config.Config, each func(*inventory.Device)) (n int, err error) {
	plans := make(migration.Plans)
	r.Known.Plans = plans.Of
	_, err = os.Stat(cfg.DataDir)
	switch { // what only reads makes none
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("there is no data directory %s, and so no inventory: name the bridge's configuration with --config", cfg.DataDir)
	case err != nil:
		return 0, fmt.Errorf("look for the inventory: %w", err)
	}
	err = withStock(c.Context(), cfg, func(s control.Stock) error {
		n, err = s.EachDevice(c.Context(), inventory.Query{}, func(d *inventory.Device) error {
			plans.Add(d)
			each(d)
			return nil
		})
		return err
	})
	return n, err
}

// explained is what `drawbridge explain --json` prints.
type explained struct {
	At         time.Time         `json:"at"`
	Device     string            `json:"device"`
	Listener   string            `json:"listener"`
	Protocol   string            `json:"protocol"`
	Upstream   string            `json:"upstream"`
	Mailbox    string            `json:"mailbox,omitempty"`
	Stage      inventory.Stage   `json:"stage"`
	WouldStage inventory.Stage   `json:"would_stage,omitempty"`
	Schedule   []string          `json:"schedule,omitempty"`
	BlockFrom  *time.Time        `json:"block_from,omitempty"`
	Message    string            `json:"message,omitempty"`
	DryRun     bool              `json:"dry_run,omitempty"`
	Cut        bool              `json:"cut_sessions,omitempty"`
	Rules      map[string]string `json:"rules"`
	Verdicts   []policy.Verdict  `json:"verdicts"`
	Next       []migration.Step  `json:"next"`

	planned inventory.Stage
}

// ahead is how far explain and stages next look by default.
const ahead = 90 * 24 * time.Hour

// explain prints what the rules make of a login at a time, of a device that needs the bridge or is not known to.
func explain(c *cobra.Command, rules *ruleBook, f migration.Login, needs bool, at time.Time) error {
	d, verdicts := rules.Explain(f, at)
	e := explained{At: at, Device: f.Device, Listener: f.Listener, Protocol: f.Protocol, Upstream: d.Upstream, Mailbox: d.Mailbox,
		Stage: d.Stage, WouldStage: d.WouldStage, Message: d.Message, DryRun: d.DryRun, Cut: d.CutSessions, Rules: d.Rules,
		Verdicts: verdicts, Next: append([]migration.Step{}, rules.Steps(f, needs, at, at.Add(ahead))...), planned: d.Given}
	if d.Stage == inventory.StageWarn {
		e.Message = cmp.Or(d.Message, decider.Warning)
	}
	for _, w := range d.Schedule {
		e.Schedule = append(e.Schedule, w.String())
	}
	if !d.BlockFrom.IsZero() {
		e.BlockFrom = &d.BlockFrom
	}
	return answer(c, e, func(w io.Writer) error { return e.print(w, rules.cfg) })
}

func (e *explained) print(w io.Writer, cfg *config.Config) error {
	_, _ = fmt.Fprintf(w, "%s, by listener %s (%s), at %s:\n\n", inventory.Printable(e.Device), e.Listener, e.Protocol, e.At.Format(clock))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(setting, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\n", setting, inventory.Printable(value), cmp.Or(e.Rules[setting], policy.Default))
		}
	}
	line(policy.SettingUpstream, e.Upstream)
	line(policy.SettingMailbox, e.Mailbox)
	line(policy.SettingStage, e.stageText())
	line(policy.SettingSchedule, strings.Join(e.Schedule, ", "))
	if e.BlockFrom != nil {
		line(policy.SettingBlockFrom, e.BlockFrom.In(cfg.Timezone).Format(clock))
	}
	line(policy.SettingMessage, e.Message)
	if e.DryRun {
		line(policy.SettingDryRun, "true")
	}
	if e.Cut {
		line(policy.SettingCutSessions, "true")
	}
	_ = t.Flush()
	e.printRules(w)
	return e.printNext(w, cfg)
}

// stageText tells also what the stage will be, or would be.
func (e *explained) stageText() string {
	switch {
	case e.WouldStage != "":
		return fmt.Sprintf("%s (but for the dry run: %s)", e.Stage, e.WouldStage)
	case e.planned != e.Stage && e.Stage == inventory.StageBridge && len(e.Schedule) == 0:
		return fmt.Sprintf("%s (%s without a schedule refuses never)", e.Stage, e.planned)
	case e.planned != e.Stage && e.Stage == inventory.StageBridge:
		return fmt.Sprintf("%s (%s, outside its schedule)", e.Stage, e.planned)
	case e.planned != e.Stage:
		return fmt.Sprintf("%s (%s until block_from)", e.Stage, e.planned)
	}
	return string(e.Stage)
}

func (e *explained) printRules(w io.Writer) {
	last := -1
	for i, v := range e.Verdicts {
		if len(v.Decides) > 0 {
			last = i
		}
	}
	if last < 0 {
		_, _ = fmt.Fprintf(w, "\nNone of the %s decides anything for it.\n", plural(len(e.Verdicts), "rule"))
	}
	for i, v := range e.Verdicts {
		switch {
		case len(v.Decides) > 0:
			_, _ = fmt.Fprintf(w, "\n%s decides: %s.", v.Rule, strings.Join(v.Decides, ", "))
		case v.Matches:
			_, _ = fmt.Fprintf(w, "\n%s matches, and what it sets is decided already.", v.Rule)
		case i < last || last < 0:
			_, _ = fmt.Fprintf(w, "\n%s does not match: %s.", v.Rule, inventory.Printable(v.Why))
		}
	}
	if len(e.Verdicts) > 0 {
		_, _ = fmt.Fprintln(w)
	}
}

func (e *explained) printNext(w io.Writer, cfg *config.Config) error {
	if len(e.Next) == 0 {
		_, err := fmt.Fprintf(w, "\nNothing changes for it in the 90 days after.\n")
		return err
	}
	_, _ = fmt.Fprintf(w, "\nWhat changes in the 90 days after:\n")
	return printSteps(w, e.Next, cfg.Timezone, false)
}

// clock is how a time is shown to people, in the configuration's time zone.
const clock = "2006-01-02 15:04 MST"
