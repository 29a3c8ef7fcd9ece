package inventory

import (
	"encoding/json"
	"time"
)

// Device is one row of the inventory: what all lines about one device come to. It is a pure function of the lines
// (NotServed: and of the time), so that the store and a log alone give the same, byte for byte. Its JSON is that of the
// exports and of the API; what was not learned is left out.
type Device struct {
	ID             string   `json:"id"`      // source/account; source/- for the strangers of a source
	Source         string   `json:"source"`  // address or MAC, as in the id
	Account        string   `json:"account"` // "-" for strangers
	Mailbox        string   `json:"mailbox,omitempty"`
	ClaimedAccount string   `json:"claimed_account,omitempty"` // the last name that a stranger claimed
	MergedIDs      []string `json:"merged_ids,omitempty"`      // ids that people said are this device too

	SourceIP     string          `json:"source_ip,omitempty"` // the latest
	SourceName   string          `json:"source_name,omitempty"`
	SourceMAC    string          `json:"source_mac,omitempty"`
	Vendor       string          `json:"vendor,omitempty"`
	Description  string          `json:"snmp_description,omitempty"`
	SourceShared bool            `json:"source_shared,omitempty"`
	ClientID     json.RawMessage `json:"client_id,omitempty"`
	Hello        json.RawMessage `json:"hello,omitempty"` // the latest one

	Listener      string   `json:"listener,omitempty"`
	Protocol      string   `json:"protocol,omitempty"`
	TLSMode       string   `json:"tls_mode,omitempty"`
	TLSVersion    string   `json:"tls_version,omitempty"` // of the latest handshake that was completed
	TLSCipher     string   `json:"tls_cipher,omitempty"`
	AlertReceived string   `json:"tls_alert_received,omitempty"`
	AuthMechanism string   `json:"auth_mechanism,omitempty"`
	Upstream      string   `json:"upstream,omitempty"`
	UpstreamAuth  string   `json:"upstream_auth,omitempty"`
	Readiness     string   `json:"readiness"`
	Blockers      []string `json:"blockers"`

	Stage    Stage  `json:"stage"` // as set, else that of the latest session
	StageSet bool   `json:"stage_set,omitempty"`
	Deadline string `json:"deadline,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Priority string `json:"priority,omitempty"`
	Cost     string `json:"cost,omitempty"`
	Location string `json:"location,omitempty"`
	Model    string `json:"model,omitempty"`
	AssetTag string `json:"asset_tag,omitempty"`
	Ticket   string `json:"ticket,omitempty"`
	Note     string `json:"note,omitempty"`
	// Outlook is filled in by who knows the rules; nil: they were not asked.
	Outlook *Outlook `json:"outlook,omitempty"`

	// What an Advisor makes of it. Category is as set where CategorySet.
	Category    Category `json:"category"`
	CategorySet bool     `json:"category_set,omitempty"`
	Evidence    []string `json:"evidence,omitempty"` // sentences: why this category, and what program it seems to be
	Stack       string   `json:"stack,omitempty"`    // known TLS stack, by JA3 and JA4
	NextStep    NextStep `json:"next_step,omitempty"`
	Advice      []Advice `json:"advice,omitempty"`

	FirstSeen  time.Time  `json:"first_seen,omitzero"` // when its first session began; zero where people named it before it came
	LastSeen   time.Time  `json:"last_seen,omitzero"`  // when something of it was last heard of
	LastServed *time.Time `json:"last_served,omitempty"`
	// NotServed: it was seen in the last 7 days, and no session of its source was served in them. It is told where the reader was asked
	// (Query.NotServedSince), and not of what is blocked.
	NotServed    bool         `json:"not_served,omitempty"`
	Sessions     int64        `json:"sessions"` // ended, cut and failed
	Outcomes     Outcomes     `json:"outcomes"`
	Flooded      int64        `json:"flooded,omitempty"` // sessions that only a flood line tells of, with no outcome
	TLSVersions  []VersionUse `json:"tls_versions,omitempty"`
	LastOutcome  Outcome      `json:"last_outcome,omitempty"`
	LastReason   string       `json:"last_reason,omitempty"` // of the latest session that had one
	LastReasonAt *time.Time   `json:"last_reason_at,omitempty"`
	UpstreamSays string       `json:"upstream_says,omitempty"`
	BytesFrom    int64        `json:"bytes_from_device"`
	BytesTo      int64        `json:"bytes_to_device"`
}

// Outcomes counts sessions by how they ended.
type Outcomes map[Outcome]int64

// VersionUse tells of one TLS version how much and when a device used it: since when and until when it used weak
// encryption. Version is as in the record, or "none" for sessions without a completed handshake.
type VersionUse struct {
	Version   string    `json:"version"`
	Sessions  int64     `json:"sessions"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// NextStep is what to do about a device, in one word.
type NextStep string

// The next steps.
const (
	StepRepoint  NextStep = "repoint"    // it can use Exchange Online directly
	StepOAuth2   NextStep = "oauth2"     // its encryption is good enough, its password login is not
	StepEnable   NextStep = "enable_tls" // TLS 1.2 is there and must be switched on
	StepUpdate   NextStep = "update"     // a newer version or firmware has it
	StepReplace  NextStep = "replace"
	StepIdentify NextStep = "identify" // find out what it is
	StepWatch    NextStep = "watch"    // strangers: find out who knocks, or nothing to do
)

// NextSteps returns all next steps.
func NextSteps() []NextStep {
	return []NextStep{StepRepoint, StepOAuth2, StepEnable, StepUpdate, StepReplace, StepIdentify, StepWatch}
}

// Advice is one sentence on what to do, and where that is from.
type Advice struct {
	Text string `json:"text"`
	URL  string `json:"url,omitempty"`
}

// Advisor fills in what a Device seems to be and what to do about it: Category where not CategorySet, Evidence, Stack,
// NextStep and Advice. It is a pure function of the other fields and safe for concurrent use.
type Advisor func(*Device)

// Day is what one device, or all of them, did in one day (UTC).
type Day struct {
	Date        string           `json:"date"` // 2026-11-24
	Sessions    int64            `json:"sessions"`
	Outcomes    Outcomes         `json:"outcomes"`
	Flooded     int64            `json:"flooded,omitempty"`
	TLSVersions map[string]int64 `json:"tls_versions"` // with "none"
	BytesFrom   int64            `json:"bytes_from_device"`
	BytesTo     int64            `json:"bytes_to_device"`
}
