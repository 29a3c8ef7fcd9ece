package migration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/decider"
	"drawbridge/inventory"
	"drawbridge/proxy/policy"
)

// Record is what a session record tells of how it was decided.
type Record struct {
	Device         string            `json:"device"`
	StartedAt      time.Time         `json:"started_at"`
	SourceIP       string            `json:"source_ip"`
	SourceMAC      string            `json:"source_mac"`
	Listener       string            `json:"listener"`
	Protocol       string            `json:"protocol"`
	TLSMode        string            `json:"tls_mode"`
	Account        string            `json:"account"`
	AuthMechanism  string            `json:"auth_mechanism"`
	ClaimedAccount string            `json:"claimed_account"`
	Readiness      string            `json:"readiness"`
	Blockers       []string          `json:"blockers"`
	Upstream       string            `json:"upstream"`
	Mailbox        string            `json:"mailbox"`
	Stage          inventory.Stage   `json:"stage"`
	WouldStage     inventory.Stage   `json:"would_stage"`
	Rules          map[string]string `json:"rules"`
}

// ParseRecord reads a session record.
func ParseRecord(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("read a session record: %w", err)
	}
	return r, nil
}

// Treatment is what the session was given.
func (r *Record) Treatment() Treatment {
	return Treatment{r.Upstream, r.Mailbox, cmp.Or(r.Stage, inventory.StageBridge), r.WouldStage, r.Rules}
}

// Decided reports whether the rules were asked: the device had presented a name.
func (r *Record) Decided() bool { return r.Upstream != "" && r.ClaimedAccount != "" }

// LoginOf is that of a recorded session, with what people have set by now.
func (r Rules) LoginOf(rec *Record) Login {
	s := &inventory.Session{Listener: rec.Listener, Protocol: rec.Protocol, TLSMode: rec.TLSMode, Source: inventory.Source{MAC: rec.SourceMAC}}
	if ip, err := netip.ParseAddr(rec.SourceIP); err == nil {
		s.Source.IP = ip
	}
	s.ByMAC = rec.SourceMAC != "" && strings.HasPrefix(rec.Device, rec.SourceMAC+"/")
	f, _ := r.Known.Facts(s, cmp.Or(rec.ClaimedAccount, rec.Account))
	f.Readiness, f.Blockers = cmp.Or(rec.Readiness, "unknown"), rec.Blockers
	return Login{f, decider.OwnToken(rec.AuthMechanism)}
}

// Difference is how other rules would treat the sessions of one device.
type Difference struct {
	Device   string `json:"device"`
	Sessions int    `json:"sessions"` // of the device that would be treated otherwise
	// Of the latest of them.
	Was   Treatment `json:"was"`
	Would Treatment `json:"would"`
	Rule  string    `json:"rule"` // that makes the difference
	Needs bool      `json:"needs_bridge"`
	Moves bool      `json:"moves_mailbox,omitempty"`
	last  time.Time
}

// CutsOff reports whether the device would be refused, and has no other way to its mail.
func (d *Difference) CutsOff() bool {
	return d.Needs && (d.Would.Stage == inventory.StageBlock || d.Would.Stage == inventory.StageBrownout)
}

// Treatment is what the rules make of a session.
type Treatment struct {
	Upstream   string            `json:"upstream"`
	Mailbox    string            `json:"mailbox,omitempty"` // empty: not known, since a session ended before it was opened
	Stage      inventory.Stage   `json:"stage"`
	WouldStage inventory.Stage   `json:"would_stage,omitempty"`
	Rules      map[string]string `json:"rules,omitempty"`
}

// TreatmentOf is what a decision, as of Rules.Decide, comes to.
func TreatmentOf(d *policy.Decision) Treatment {
	return Treatment{d.Upstream, d.Mailbox, d.Stage, d.WouldStage, d.Rules}
}

// Differs reports whether a session that is treated as u sees another upstream, mailbox or stage, or its record another stage of a dry
// run. Who gave them makes no difference.
func (t *Treatment) Differs(u *Treatment) bool {
	return t.Upstream != u.Upstream || t.OtherMailbox(u) || t.Stage != u.Stage || t.WouldStage != u.WouldStage
}

// OtherMailbox reports whether both mailboxes are known, and not the same one.
func (t *Treatment) OtherMailbox(u *Treatment) bool {
	return t.Mailbox != "" && u.Mailbox != "" && !strings.EqualFold(t.Mailbox, u.Mailbox)
}

// Moves reports whether other messages are read as u.
func (t *Treatment) Moves(u *Treatment) bool { return t.Upstream != u.Upstream || t.OtherMailbox(u) }

// Replay is a comparison of what was with what other rules would do.
type Replay struct {
	Sessions    int          `json:"sessions"` // that were decided anew
	Differences []Difference `json:"differences"`
	by          map[string]*Difference
}

// Add decides a recorded session anew, as of at; zero: of its own time. What does not tell how it was decided is passed over.
func (p *Replay) Add(r Rules, rec *Record, at time.Time) {
	if !rec.Decided() {
		return
	}
	p.Sessions++
	if at.IsZero() {
		at = rec.StartedAt
	}
	d := r.Decide(r.LoginOf(rec), at)
	was, would := rec.Treatment(), TreatmentOf(&d)
	if !was.Differs(&would) {
		return
	}
	diff := p.of(rec.Device)
	diff.Sessions++
	diff.Needs = diff.Needs || rec.Readiness != "ready" || len(rec.Blockers) > 0
	diff.Moves = diff.Moves || was.Moves(&would)
	if !rec.StartedAt.Before(diff.last) {
		diff.last, diff.Was, diff.Would, diff.Rule = rec.StartedAt, was, would, deciding(&was, &d, at)
	}
}

// deciding is the rule of d that makes the difference to what was.
func deciding(was *Treatment, d *policy.Decision, at time.Time) string {
	would := TreatmentOf(d)
	switch {
	case d.Upstream != was.Upstream:
		return d.Rules[policy.SettingUpstream]
	case was.OtherMailbox(&would):
		return cmp.Or(d.Rules[policy.SettingMailbox], policy.Default)
	}
	return d.Decisive(at)
}

// of is the difference of a device, made where there was none.
func (p *Replay) of(device string) *Difference {
	if p.by == nil {
		p.by = make(map[string]*Difference)
	}
	if p.by[device] == nil {
		p.by[device] = &Difference{Device: device}
	}
	return p.by[device]
}

// End puts the differences in the order of their devices.
func (p *Replay) End() {
	p.Differences = make([]Difference, 0, len(p.by))
	for _, d := range p.by {
		p.Differences = append(p.Differences, *d)
	}
	slices.SortFunc(p.Differences, func(a, b Difference) int { return cmp.Compare(a.Device, b.Device) })
}

// Needing is how many devices of the differences cannot work without the bridge and would no longer be served as they are.
func (p *Replay) Needing() int {
	n := 0
	for i := range p.Differences {
		if p.Differences[i].CutsOff() {
			n++
		}
	}
	return n
}
