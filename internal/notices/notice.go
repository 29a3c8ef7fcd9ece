package notices

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"drawbridge/config"
	"drawbridge/inventory"
)

// Bounds of what a notice repeats of others, in characters.
const (
	maxName     = 320
	maxSentence = 600
)

// Notice is one event that people are told of. Its JSON is that of the outbox and of the webhooks whose format is json; what does
// not belong to the event is left out. Texts are escaped and cut.
type Notice struct {
	ID          string    `json:"id"`    // of the event: a channel tells it once
	Event       string    `json:"event"` // one of config.NoticeEvents
	Time        time.Time `json:"time"`  // when it was noticed
	Text        string    `json:"text"`  // one sentence for people
	Device      string    `json:"device,omitempty"`
	Owner       string    `json:"owner,omitempty"`
	Readiness   string    `json:"readiness,omitempty"`
	Stage       string    `json:"stage,omitempty"`       // for stage_ahead the one to come
	Upstream    string    `json:"upstream,omitempty"`    // likewise
	Rule        string    `json:"rule,omitempty"`        // which changes it
	Certificate string    `json:"certificate,omitempty"` // such as certificates[0]
	At          time.Time `json:"at,omitzero"`           // since when it is so, or when what is told ahead comes
	Reason      string    `json:"reason,omitempty"`      // as on record
}

// line is a notice as the log has it.
type line struct {
	bridge string
	*Notice
}

// MarshalLogObject implements zapcore.ObjectMarshaler, with the keys of the JSON.
func (l line) MarshalLogObject(e zapcore.ObjectEncoder) error {
	n := l.Notice
	for _, f := range [][2]string{{"time", n.Time.UTC().Format(time.RFC3339)}, {"bridge", l.bridge}, {"id", n.ID}, {"event", n.Event},
		{"text", n.Text}, {"device", n.Device}, {"owner", n.Owner}, {"readiness", n.Readiness}, {"stage", n.Stage},
		{"upstream", n.Upstream}, {"rule", n.Rule}, {"certificate", n.Certificate}, {"reason", n.Reason}} {
		if f[1] != "" {
			e.AddString(f[0], f[1])
		}
	}
	if !n.At.IsZero() {
		e.AddString("at", n.At.UTC().Format(time.RFC3339))
	}
	return nil
}

// StageChange is a change that the rules have planned for a device.
type StageChange struct {
	Device   string // its id
	Owner    string
	At       time.Time
	Stage    inventory.Stage // empty: it stays as it is
	Upstream string          // empty: it stays as it is
	Rule     string          // such as rules[2]
}

// Certificate is one that ends some day.
type Certificate struct {
	Name string // such as certificates[0]
	Ends time.Time
}

// Secret is a client secret of which an administrator wrote when it ends.
type Secret struct {
	Upstream string
	Ends     time.Time
}

// Down is an upstream that all logins fail with.
type Down struct {
	Upstream string
	Since    time.Time
	Reason   string // of the last failure, as on record
}

// writer makes notices: at a time, with dates in a zone.
type writer struct {
	now  time.Time
	zone *time.Location
}

// notice makes one. The words of id say which event of its kind it is.
func (w writer) notice(event string, n Notice, id ...string) Notice {
	n.ID = cut(inventory.Printable(event+" "+strings.Join(id, " ")), 2*maxName)
	n.Event, n.Time = event, w.now.UTC().Truncate(time.Second)
	if !n.At.IsZero() {
		n.At = n.At.UTC().Truncate(time.Second)
	}
	for _, name := range []*string{&n.Device, &n.Owner, &n.Readiness, &n.Stage, &n.Upstream, &n.Rule, &n.Certificate} {
		*name = cut(inventory.Printable(*name), maxName)
	}
	n.Reason = cut(inventory.Printable(n.Reason), maxSentence)
	n.Text = cut(inventory.Printable(n.Text), 2*maxSentence)
	return n
}

// date is a time as people read it.
func (w writer) date(t time.Time) string { return t.In(w.zone).Format("2006-01-02 15:04 MST") }

// of is a notice about a device, with what everybody wants to know of it.
func of(d *inventory.Device) Notice {
	return Notice{Device: d.ID, Owner: d.Owner, Readiness: d.Readiness, Stage: string(d.Stage), Upstream: d.Upstream}
}

// called is a device with its owner.
func called(device, owner string) string {
	if owner == "" {
		return device
	}
	return device + " (" + owner + ")"
}

func (w writer) deviceNew(d *inventory.Device) Notice {
	n := of(d)
	n.At = d.FirstSeen
	n.Text = called(d.ID, d.Owner) + " logged in for the first time on " + w.date(d.FirstSeen) + ", readiness " + d.Readiness
	if d.Vendor != "" {
		n.Text += ", " + d.Vendor
	}
	return w.notice(config.NoticeDeviceNew, n, d.ID)
}

func (w writer) deviceFailing(d *inventory.Device) Notice {
	n := of(d)
	n.At, n.Reason = *d.LastServed, d.LastReason
	n.Text = called(d.ID, d.Owner) + " does not get through any more, it was served last on " + w.date(*d.LastServed)
	if d.LastReason != "" {
		n.Text += ": " + d.LastReason
	}
	return w.notice(config.NoticeDeviceFailing, n, d.ID)
}

func (w writer) deviceQuiet(d *inventory.Device) Notice {
	n := of(d)
	n.At = d.LastSeen
	n.Text = called(d.ID, d.Owner) + " was seen last on " + w.date(d.LastSeen)
	return w.notice(config.NoticeDeviceQuiet, n, d.ID)
}

func (w writer) stageAhead(c StageChange) Notice {
	var to []string
	if c.Stage != "" {
		to = append(to, "stage "+string(c.Stage))
	}
	if c.Upstream != "" {
		to = append(to, "upstream "+c.Upstream)
	}
	text := called(c.Device, c.Owner) + " changes to " + strings.Join(to, " and ") + " on " + w.date(c.At)
	if c.Rule != "" {
		text += ", by " + c.Rule
	}
	n := Notice{Device: c.Device, Owner: c.Owner, Stage: string(c.Stage), Upstream: c.Upstream, Rule: c.Rule, At: c.At, Text: text}
	return w.notice(config.NoticeStageAhead, n, c.Device, c.At.UTC().Format(time.RFC3339), strings.Join(to, " "))
}

func (w writer) certificateAhead(c Certificate) Notice {
	return w.notice(config.NoticeCertificateAhead, Notice{Certificate: c.Name, At: c.Ends,
		Text: fmt.Sprintf("%s ends on %s and was not renewed: see the log, or drawbridge certs list", c.Name, w.date(c.Ends))},
		c.Name, c.Ends.UTC().Format(time.RFC3339))
}

func (w writer) secretAhead(s Secret) Notice {
	return w.notice(config.NoticeSecretAhead, Notice{Upstream: s.Upstream, At: s.Ends,
		Text: fmt.Sprintf("the client secret of upstream %s ends on %s (client_secret_expires): make a new one in the app registration "+
			"and write it and its date into the configuration", s.Upstream, w.date(s.Ends))}, s.Upstream, s.Ends.UTC().Format(time.RFC3339))
}

func (w writer) upstreamDown(d Down) Notice {
	text := fmt.Sprintf("all logins to upstream %s fail since %s: drawbridge doctor shows which link is broken", d.Upstream, w.date(d.Since))
	if d.Reason != "" {
		text += "; the last one said: " + d.Reason
	}
	return w.notice(config.NoticeUpstreamDown, Notice{Upstream: d.Upstream, At: d.Since, Reason: d.Reason, Text: text}, d.Upstream)
}

func (w writer) storeBehind(since time.Time) Notice {
	return w.notice(config.NoticeStoreBehind, Notice{At: since,
		Text: "the inventory's store is behind the journal since " + w.date(since) + ", the log says why: it catches up when it can"})
}

func (w writer) configRefused(why string) Notice {
	return w.notice(config.NoticeConfigRefused, Notice{Reason: why,
		Text: "a new configuration was refused, the one before holds: " + strings.ReplaceAll(cut(why, maxSentence), "\n", "; ")}, digest(why))
}

// cut returns the first characters of a text.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i] + "…"
		}
	}
	return text
}
