package inventory

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/hello"
)

// Stage is how far a device's migration is.
type Stage string

// The stages, in the order in which a migration goes through them.
const (
	StageBridge   Stage = "bridge"
	StageWarn     Stage = "warn"
	StageBrownout Stage = "brownout"
	StageBlock    Stage = "block"
)

// stages are all stages.
var stages = [...]Stage{StageBridge, StageWarn, StageBrownout, StageBlock}

// Stages returns all stages, in the order in which a migration goes through them.
func Stages() []Stage { return slices.Clone(stages[:]) }

// Phase is the step of a session, in the order in which a session goes through them.
type Phase string

// The phases. What is said in clear before STARTTLS belongs to PhaseHandshake, the proof of the mailbox to PhaseAdmit.
const (
	PhaseHandshake    Phase = "handshake"
	PhaseLogin        Phase = "login"
	PhaseDecide       Phase = "decide"
	PhaseDial         Phase = "dial"
	PhaseAuthenticate Phase = "authenticate"
	PhaseAdmit        Phase = "admit"
	PhaseRelay        Phase = "relay"
)

// Outcome is how a session ended.
type Outcome string

// The outcomes.
const (
	OutcomeBridged        Outcome = "bridged"         // the relay began
	OutcomeCut            Outcome = "cut"             // the bridge ended the relay, or a crash did
	OutcomeTLSFailed      Outcome = "tls_failed"      // bytes came, but no TLS
	OutcomeRefused        Outcome = "refused"         // a rule or limit of ours, or no TLS where it is asked for
	OutcomeLoginFailed    Outcome = "login_failed"    // bad credentials were told
	OutcomeUpstreamFailed Outcome = "upstream_failed" // unavailable or internal was told
	OutcomeProtocolError  Outcome = "protocol_error"  // bad commands, bounds
	OutcomeAbandoned      Outcome = "abandoned"       // the device left or fell silent before any of these
)

// EndedBy is whose end of stream came first.
type EndedBy string

// The ends of a session.
const (
	EndedByDevice   EndedBy = "device"
	EndedByUpstream EndedBy = "upstream"
	EndedByBridge   EndedBy = "bridge"
)

// Source is where a session came from. IP is unmapped and without zone.
type Source struct {
	IP                netip.Addr
	Port              uint16
	Name, MAC, Vendor string // reverse DNS, neighbour table, the MAC's registered owner
	// Adapter is the MAC address that answers for IP, also where it answers for so many that MAC does not tell it, as a router
	// does. It is not on record, and names no device: what was set for its devices holds.
	Adapter string

	// Network is the /64 that stands for a stranger whose network used more addresses than are told apart; else not valid.
	Network netip.Prefix
}

// TLS is what one TLS handshake came to. Its zero value stands for a handshake that was not tried.
type TLS struct {
	Engine        string        // "standard" or "legacy"; empty where no engine was chosen
	Version       hello.Version // 0 until negotiated
	Cipher        string        // IANA name
	Group         string        // IANA name; empty for RSA key exchange
	Resumed       bool
	Completed     bool   // Finished was received
	AlertSent     string // RFC 8446 name such as "handshake_failure"; close_notify is none
	AlertReceived string
	Certificate   string // SHA-256 of the leaf that the peer was shown, hex
}

// Session is the session record: what one connection showed of itself and how it ended. It is one log event (a
// zapcore.ObjectMarshaler) and one row of the inventory; it never holds a secret. The zero value of a field means that
// it was not learned, and then the record leaves it out. One goroutine owns a Session until Recorder.Ended has it.
type Session struct {
	Time                           time.Time // when the session ended
	Bridge, Run, ID                string
	Listener, Protocol, TLSMode    string // "imap" or "pop3"; "implicit" or "starttls"
	Source                         Source
	ByMAC                          bool         // devices are told apart by their MAC address where it is known
	Hello                          *hello.Hello // shared with other sessions, never changed
	TLS                            TLS
	ClientID                       map[string]string // IMAP ID pairs as sent
	Login                                            // of several the last one tells
	Phase                          Phase
	Outcome                        Outcome
	Reason                         string
	EndedBy                        EndedBy
	Quirks                         []string
	StartedAt                      time.Time
	Duration                       time.Duration
	HandshakeTime                  time.Duration // accept (or STARTTLS's OK) to Finished
	BytesFromDevice, BytesToDevice int64         // application bytes inside TLS, login included
	SourceShared                   bool
	Together                       int // admissions that share one line, this one included; 0 and 1: its own
}

// wasAdmitted reports whether the session has an admitted line: its relay began, or the device left while it was told that it may
// go on.
func (s *Session) wasAdmitted() bool {
	line := SessionLine{Phase: s.Phase, Outcome: s.Outcome, Proven: s.UpstreamTime != 0}
	return line.wasAdmitted()
}

// Login is what one login left on record. A session's next login replaces it whole.
type Login struct {
	ClaimedAccount   string // as typed
	AuthMechanism    string
	Account          string // only once verified: in its listed form, or as typed, lower case
	Mailbox          string
	Stage            Stage             // what held for this session
	WouldStage       Stage             // what would have held, but for dry_run
	Rules            map[string]string // setting -> rule that gave it
	Upstream         string            // its name in the configuration
	UpstreamAddress  string            // ip:port
	UpstreamTLS      TLS
	UpstreamAuth     string
	UpstreamFrontEnd string
	UpstreamSays     string        // the upstream's last line where it refused or ended the session
	UpstreamTime     time.Duration // dial to proof
	TokenLeft        time.Duration // how long the token still lived
}

// TurnedAway is a connection that was refused before a session began: by an allow-list, a limit or a ban. It has no
// session record and is counted in a flood line.
type TurnedAway struct {
	Time     time.Time
	Source   netip.Addr
	Listener string
	Reason   string
}

// Recorder is told of every session. Journal, log and metrics are Recorders; none waits for a database. A Recorder is
// safe for concurrent use, and reads the Session only during the call.
type Recorder interface {
	// Admitted is called before the device reads the OK of its login and returns when the line is written, after a
	// second at most.
	Admitted(*Session)
	// Ended is called once for every session.
	Ended(*Session)
	// TurnedAway is called for a connection that got no session.
	TurnedAway(TurnedAway)
}

// Stranger stands in place of the account in the device id of a session without a verified login.
const Stranger = "-"

// Device returns the id of the device that the session belongs to, source/account; source/- for a stranger. It is
// empty where the source is not known.
func (s *Session) Device() string { return s.DeviceOf(s.Account) }

// DeviceOf returns the id that the session's device has once it is verified as account.
func (s *Session) DeviceOf(account string) string {
	source := s.sourceID()
	if source == "" {
		return ""
	}
	if account == "" && s.Source.Network.IsValid() {
		return s.Source.Network.String() + "/" + Stranger
	}
	if account == "" {
		return source + "/" + Stranger
	}
	return source + "/" + accountName(account)
}

// sourceID is the MAC address where devices are told apart by it and it is known, else the address.
func (s *Session) sourceID() string {
	if s.ByMAC && s.Source.MAC != "" {
		return s.Source.MAC
	}
	ip := PlainAddress(s.Source.IP)
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// Sources returns what stands before the account in the ids by which people may have set something for the session's device, that
// of its own id first. Where devices are told apart by MAC address, one that has many addresses is still what it was.
func (s *Session) Sources() []string {
	all := []string{s.sourceID()}
	if s.ByMAC {
		all = append(all, s.Source.Adapter, PlainAddress(s.Source.IP).String())
	}
	return slices.DeleteFunc(all, func(source string) bool { return source == "" })
}

// accountName returns a verified account as a record has it.
func accountName(account string) string { return shown(strings.ToLower(account), maxName) }

// PlainAddress returns ip as records have it: IPv4 never mapped into IPv6, and without a zone.
func PlainAddress(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// Readiness returns what the device could do without the bridge: what its hello tells, unknown where none was seen.
func (s *Session) Readiness() hello.Readiness { return s.Hello.Readiness() }

// Blockers returns what keeps the device from going direct, in the order of hello.BlockerOrder: what its hello tells,
// and then what its login and its listener do. It is nil where nothing is known to.
func (s *Session) Blockers() []hello.Blocker {
	found := s.Hello.Blockers()
	if s.triedPassword() {
		found = append(found, hello.BlockerPasswordLogin)
	}
	if s.TLSMode == "starttls" {
		found = append(found, hello.BlockerSTARTTLSPort)
	}
	return found
}

// The words by which a record tells a login with a password from one without.
const (
	mechanismToken       = "XOAUTH2"
	mechanismOtherToken  = "OAUTHBEARER" // not offered, but no password either
	quirkPasswordInClear = "password_in_clear"
)

// triedPassword reports whether the last login used or tried a password; one that came before TLS was tried too.
func (s *Session) triedPassword() bool {
	if s.AuthMechanism == "" {
		return slices.Contains(s.Quirks, quirkPasswordInClear)
	}
	return s.AuthMechanism != mechanismToken && s.AuthMechanism != mechanismOtherToken
}
