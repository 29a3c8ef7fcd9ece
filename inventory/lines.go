package inventory

import (
	"net/netip"
	"time"

	"go.uber.org/zap/zapcore"
)

// The names of the lines in log and journal, their msg.
const (
	MessageAdmitted = "admitted"
	MessageSession  = "session"
	MessageFlood    = "flood"
	MessageChange   = "change"
	MessageBridge   = "bridge"
	MessageNotice   = "notice" // in the log alone
)

// LineEncoding returns the encoding in which a record is the same JSON line in log and journal: its msg and its own
// fields. A log that is read by people may add a TimeKey; in JSON there would then be two times.
func LineEncoding() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{MessageKey: "msg", LineEnding: zapcore.DefaultLineEnding}
}

// Instance says whose line one is.
type Instance struct {
	Bridge string // name of the bridge
	Run    string // new at each start
}

// FloodLine sums connections of one minute that have no line of their own: those turned away before a session
// began, and sessions of which enough were written.
type FloodLine struct {
	Time        time.Time // when the line was written
	Bridge, Run string
	// Source is an address, or the /64 of a host that used more addresses than are told apart. It is not valid in
	// the sum over the sources beyond the first 1,000 of a minute, which has no Listener and no Reason either.
	Source netip.Prefix
	// Device is the id of a device with a verified login whose sessions these are; empty: they count for the source device.
	Device string
	// Listener and Reason are empty in the sum over what is beyond the first few reasons of a source.
	Listener, Reason string
	Count, Sessions  int // connections, and how many of them had begun a session
	Admitted         int // how many of the sessions have an admitted line

	BytesFromDevice, BytesToDevice int64
	First, Last                    time.Time // when the first one began, on a day that all have in common, and the last one ended
}

// MarshalLogObject writes time, bridge, run, source_ip, device, listener, reason, count, sessions, admitted, bytes_from_device,
// bytes_to_device, first and last, without those that are not known.
func (l *FloodLine) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc}
	r.time("time", l.Time)
	r.text("bridge", l.Bridge)
	r.text("run", l.Run)
	switch {
	case l.Source.IsSingleIP():
		r.address("source_ip", l.Source.Addr())
	case l.Source.IsValid():
		r.text("source_ip", l.Source.String())
	}
	r.text("device", shown(l.Device, maxDevice))
	r.text("listener", l.Listener)
	r.sentence("reason", l.Reason)
	enc.AddInt("count", l.Count)
	enc.AddInt("sessions", l.Sessions)
	r.count("admitted", int64(l.Admitted))
	r.count("bytes_from_device", l.BytesFromDevice)
	r.count("bytes_to_device", l.BytesToDevice)
	r.time("first", l.First)
	r.time("last", l.Last)
	return nil
}

// BridgeEvent is what the bridge did.
type BridgeEvent string

// The events of a bridge.
const (
	BridgeStart  BridgeEvent = "start"
	BridgeStop   BridgeEvent = "stop"
	BridgeReload BridgeEvent = "reload"
)

// PreviousRun is how the run before a start ended.
type PreviousRun string

// The ends of a run. The zero value stands for none known, as at the very first start.
const (
	PreviousClean   PreviousRun = "clean"
	PreviousCrashed PreviousRun = "crash"
)

// BridgeLine tells of a start, stop or reload of the bridge.
type BridgeLine struct {
	Time              time.Time
	Bridge, Run       string
	Event             BridgeEvent
	Version           string   // of the program
	ConfigurationHash string   // of the configuration in force
	Listeners         []string // their names
	PreviousRun       PreviousRun
	Journal           string // id of the journal it is written to
	Previous          string // of a start: the run before it in that journal
}

// MarshalLogObject writes time, bridge, run, event, version, configuration_hash, listeners, previous_run, journal and
// previous, without those that are not known.
func (l *BridgeLine) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc}
	r.time("time", l.Time)
	r.text("bridge", l.Bridge)
	r.text("run", l.Run)
	r.text("event", string(l.Event))
	r.text("version", l.Version)
	r.text("configuration_hash", l.ConfigurationHash)
	if len(l.Listeners) > 0 {
		r.array("listeners", (*words[string])(&l.Listeners))
	}
	r.text("previous_run", string(l.PreviousRun))
	r.text("journal", l.Journal)
	r.text("previous", l.Previous)
	return r.err
}

// AdmittedLine is what the journal holds of a session before its device reads the OK of its login: as much as a
// session needs that a crash cuts.
type AdmittedLine struct {
	Time    time.Time // when the line was written
	Session *Session
}

// MarshalLogObject writes time, bridge, run, session_id, device, listener, protocol, source_ip, account, mailbox,
// tls_version, readiness and started_at, without those that are not known, and count where several sessions share the line.
func (l *AdmittedLine) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	s, r := l.Session, &record{enc: enc}
	r.time("time", l.Time)
	r.text("bridge", s.Bridge)
	r.text("run", s.Run)
	r.text("session_id", s.ID)
	r.text("device", s.Device())
	r.text("listener", s.Listener)
	r.text("protocol", s.Protocol)
	r.address("source_ip", s.Source.IP)
	r.text("account", accountName(s.Account))
	r.name("mailbox", s.Mailbox)
	r.version("tls_version", s.TLS.Version)
	r.text("readiness", string(s.Readiness()))
	r.time("started_at", s.StartedAt)
	if s.Together > 1 {
		r.count("count", int64(s.Together))
	}
	return r.err
}

// ChangeLine is a Change as it is written.
type ChangeLine struct {
	Bridge, Run string
	Change
}

// maxDevice is how long the id of a device can be in characters: an address and an account. Those that earlier versions wrote have
// up to ten times the account.
const maxDevice = 64 + 10*maxName

// MarshalLogObject writes time, bridge, run, device, key, old, new and by, without those that are empty. Values are cut
// at 1,024 characters.
func (l *ChangeLine) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	r := &record{enc: enc}
	r.time("time", l.Time)
	r.text("bridge", l.Bridge)
	r.text("run", l.Run)
	r.text("device", Printable(cut(l.Device, maxDevice)))
	r.name("key", l.Key)
	r.sentence("old", l.Old)
	r.sentence("new", l.New)
	r.sentence("by", l.By)
	return r.err
}

// Line is one line of a journal or of a log, as the fold reads it: of a session record only what an inventory is made
// of. Which of Session, Flood, Change and Start is filled depends on Message.
type Line struct {
	Message     string    // MessageAdmitted, MessageSession, MessageFlood, MessageChange or MessageBridge
	Time        time.Time // to the millisecond, UTC
	Bridge, Run string
	Session     SessionLine // of MessageAdmitted and MessageSession
	Flood       FloodLine
	Change      Change
	Start       BridgeLine
}

// SessionLine is what a line tells of one session. A string is empty where the line leaves its field out.
type SessionLine struct {
	ID, Device                     string // Device is the id, source/account
	Listener, Protocol, TLSMode    string
	Source                         netip.Addr
	SourceName, SourceMAC, Vendor  string
	SourceShared                   bool
	Hello                          string // the object as it stands in the line
	TLSVersion, TLSCipher          string
	AlertReceived                  string
	ClientID                       string // the object as it stands in the line
	Account, ClaimedAccount        string
	Mailbox, AuthMechanism         string
	Upstream, UpstreamAuth         string
	UpstreamTLSVersion             string
	UpstreamSays                   string
	Stage, WouldStage              Stage
	Phase                          Phase
	Outcome                        Outcome // empty in MessageAdmitted
	Reason                         string
	Readiness, Blockers            string // Blockers is separated by spaces; NoBlockers where the line has an empty list
	StartedAt                      time.Time
	Duration                       time.Duration
	Proven                         bool // upstream_ms is there: the mailbox was proven open
	BytesFromDevice, BytesToDevice int64
	Count                          int // of MessageAdmitted: sessions that share the line; 0 is one
}

// NoBlockers stands for an empty list of blockers: that there are none was learned.
const NoBlockers = "-"

// Change is one value of a device that people set or that enrichment learned. Time is unique in a journal, so that of
// two changes the later one counts.
type Change struct {
	Time   time.Time `json:"time"`
	Device string    `json:"device"`
	Key    string    `json:"key"`
	Old    string    `json:"old,omitempty"`
	New    string    `json:"new,omitempty"`
	By     string    `json:"by"` // "root by drawbridge device", "admin by the dashboard", "reverse_dns"
}

// The keys of a Change. The first eleven are what people set.
const (
	KeyStage    = "stage"    // bridge, warn, brownout or block; empty: as the rules say
	KeyDeadline = "deadline" // 2027-03-01
	KeyOwner    = "owner"
	KeyCategory = "category"  // one of Categories; empty: as guessed
	KeyPriority = "priority"  // one of Priorities
	KeyCost     = "cost"      // an estimate, a decimal number in the owner's currency
	KeyLocation = "location"  // where it stands
	KeyModel    = "model"     // what it is, where it does not say so itself
	KeyAssetTag = "asset_tag" // its number in the asset register
	KeyTicket   = "ticket"    // the order or change by which it is replaced
	KeyNote     = "note"

	KeyMerge  = "merge"  // New is the device that this one is; empty: it is one of its own again
	KeyImport = "import" // the device was named by a file before it came
	KeyRemove = "remove" // what was set is forgotten, and the device is listed again only when it comes again

	KeySourceName  = "source_name"
	KeySourceMAC   = "source_mac"
	KeyVendor      = "vendor"
	KeyDescription = "snmp_description"
)

// Position is how far a reader of a journal came: the line that begins at Offset, in bytes of the uncompressed segment,
// is the next one. The zero Segment stands before the first one.
type Position struct {
	Journal         string // its random id
	Segment, Offset int64
}

// Batch is what a store adds to its rows in one transaction: the lines of one journal from one position to another.
type Batch struct {
	From, To Position
	Fold     *Fold
	Sessions []StoredSession // of the session lines
	Bad      int64           // lines that were none
}
