package inventory

import (
	"net/netip"
	"time"
)

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

// The keys of a Change. The first seven are what people set.
const (
	KeyStage    = "stage"    // bridge, warn, brownout or block; empty: as the rules say
	KeyDeadline = "deadline" // 2027-03-01
	KeyOwner    = "owner"
	KeyCategory = "category" // one of Categories; empty: as guessed
	KeyPriority = "priority" // one of Priorities
	KeyCost     = "cost"     // an estimate, a decimal number in the owner's currency
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
