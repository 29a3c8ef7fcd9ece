package sandbox

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// EventKind says what an [Event] tells.
type EventKind string

// The kinds of events, in the order in which a session has them.
const (
	Accepted        EventKind = "accepted"         // a TCP connection was taken
	Handshake       EventKind = "handshake"        // TLS is up: TLS is set
	HandshakeFailed EventKind = "handshake_failed" // Text is the error
	Received        EventKind = "received"         // Text is a line that came before the login was done
	LoginTried      EventKind = "login_tried"      // Login is set, the answer is not yet given
	LoginAnswered   EventKind = "login_answered"   // Login and Text (the answer without its tag) are set
	Command         EventKind = "command"          // Text is the line of a command after login, literals left out
	Closed          EventKind = "closed"           // the connection is gone
)

// Login is one attempt to log in, with its secret in clear text: it only ever holds made-up secrets.
type Login struct {
	User      string
	Mechanism string // LOGIN, PLAIN, XOAUTH2, or USER for POP3's USER and PASS
	Password  string // empty with XOAUTH2
	Token     string // only with XOAUTH2
	OK        bool   // whether it was told OK; always false in LoginTried
}

// TLSInfo is what a finished handshake settled.
type TLSInfo struct {
	Version    uint16 // as in crypto/tls
	Suite      uint16 // as in crypto/tls
	ServerName string // empty if the peer sent none
	Resumed    bool
}

// Event is one thing that happened at the stand-in.
type Event struct {
	Kind     EventKind
	At       time.Time
	Listener string // the listener's name
	Conn     uint64 // numbers connections from 1, over all listeners
	Remote   string // address and port of the peer
	TLS      TLSInfo
	Login    Login
	Text     string
	Why      string // in LoginAnswered: what was wrong with a token, which no peer is told
}

// Log keeps what reached the stand-in, up to 65,536 events. It is safe for concurrent use.
type Log struct{ *record[Event, EventKind] }

func newLog() *Log { return &Log{newRecord(func(e Event) EventKind { return e.Kind })} }

// Events returns a copy of what happened so far, oldest first; with kinds, only those.
func (l *Log) Events(kinds ...EventKind) []Event {
	return l.of(kinds)
}

// Count returns how many events of a kind there are: Count(Accepted) is the number of connections so far.
func (l *Log) Count(kind EventKind) int { return len(l.Events(kind)) }

// Logins returns the attempts to log in so far, oldest first, as they came in.
func (l *Log) Logins() []Login {
	var logins []Login
	for _, e := range l.Events(LoginTried) {
		logins = append(logins, e.Login)
	}
	return logins
}

// Contains tells whether a peer ever sent text: in a line before login, in credentials, or in a command line after login.
func (l *Log) Contains(text string) bool {
	return slices.ContainsFunc(l.Events(), func(e Event) bool {
		return strings.Contains(e.Text, text) || strings.Contains(e.Login.User, text) ||
			strings.Contains(e.Login.Password, text) || strings.Contains(e.Login.Token, text)
	})
}

// maxEvents bounds a record; beyond it the older half is dropped.
const maxEvents = 1 << 16

// record keeps what happened, oldest first, and wakes those who wait for it.
type record[T any, Kind ~string] struct {
	kind func(T) Kind

	mu      sync.Mutex
	events  []T
	changed chan struct{} // closed and replaced at each event
}

func newRecord[T any, Kind ~string](kind func(T) Kind) *record[T, Kind] {
	return &record[T, Kind]{kind: kind, changed: make(chan struct{})}
}

func (r *record[T, Kind]) add(e T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = keep(r.events, e, maxEvents)
	close(r.changed)
	r.changed = make(chan struct{})
}

// keep appends to a list; if that holds so many already its older half is dropped.
func keep[T any](list []T, one T, most int) []T {
	if len(list) >= most {
		list = slices.Clone(list[most/2:])
	}
	return append(list, one)
}

// snapshot returns a copy of the events and what is closed at the next one.
func (r *record[T, Kind]) snapshot() ([]T, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events), r.changed
}

// of returns the events of some kinds; no kind stands for all.
func (r *record[T, Kind]) of(kinds []Kind) []T {
	events, _ := r.snapshot()
	return slices.DeleteFunc(events, func(e T) bool { return len(kinds) > 0 && !slices.Contains(kinds, r.kind(e)) })
}

// Wait returns the first event or request, past or to come, that match accepts. It ends with an error when ctx does.
func (r *record[T, Kind]) Wait(ctx context.Context, match func(T) bool) (T, error) {
	for {
		events, changed := r.snapshot()
		if i := slices.IndexFunc(events, match); i >= 0 {
			return events[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("wait for an event at the stand-in, %d seen: %w", len(events), ctx.Err())
		}
	}
}

// WaitCount returns when there are at least n events of a kind, or requests of a flow. It ends with an error when ctx does.
func (r *record[T, Kind]) WaitCount(ctx context.Context, kind Kind, n int) error {
	for {
		_, changed := r.snapshot()
		got := len(r.of([]Kind{kind}))
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: wait for %d events at the stand-in, %d seen: %w", kind, n, got, ctx.Err())
		}
	}
}

// Flow names what a request to the [Entra] stand-in was for.
type Flow string

// The flows. Those of the token endpoint are named as the configuration names them.
const (
	Discovery         Flow = "discovery" // OIDC configuration, instance discovery, keys
	UserRealm         Flow = "user_realm"
	ClientCredentials Flow = "client_credentials"
	WorkloadIdentity  Flow = "workload_identity" // client credentials with another issuer's assertion
	Password          Flow = "password"
	DeviceCodeStart   Flow = "device_code_start"
	DeviceCodePoll    Flow = "device_code"
	RefreshToken      Flow = "refresh_token"
	ManagedIdentity   Flow = "managed_identity"
	Introspection     Flow = "introspection"
	OtherFlow         Flow = "other"
)

// EntraRequest is one request and what was answered.
type EntraRequest struct {
	At     time.Time // by the stand-in's clock, when it came in
	Flow   Flow
	Path   string
	Tenant string // as asked for
	Client string // client id
	User   string // with Password, and with DeviceCodePoll and RefreshToken once it is known
	Method string // how the client proved who it is: secret, certificate, federated; empty: not at all
	Form   url.Values
	Header map[string][]string
	Status int // 0: cut before an answer
	Code   int // AADSTS number; 0: none
	Error  string
}

// OK tells whether the request got what it was for.
func (r EntraRequest) OK() bool { return r.Status == 200 && r.Error == "" }

// EntraLog keeps what was asked of the stand-in, up to 65,536 requests, with made-up secrets in clear text. It is safe for concurrent use.
type EntraLog struct{ *record[EntraRequest, Flow] }

func newEntraLog() *EntraLog {
	return &EntraLog{newRecord(func(r EntraRequest) Flow { return r.Flow })}
}

// Requests returns a copy of what was asked and answered so far, in the order of the answers; with flows, only those.
func (l *EntraLog) Requests(flows ...Flow) []EntraRequest {
	return l.of(flows)
}

// Tokens returns how many requests for a token of any flow there were, answered with one or not; polls for a device code count.
func (l *EntraLog) Tokens() int {
	return len(l.Requests(ClientCredentials, WorkloadIdentity, Password, DeviceCodePoll, RefreshToken, ManagedIdentity))
}

// Contains tells whether text came in any form field.
func (l *EntraLog) Contains(text string) bool {
	return slices.ContainsFunc(l.Requests(), func(r EntraRequest) bool {
		for _, values := range r.Form {
			if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, text) }) {
				return true
			}
		}
		return false
	})
}

// discardLog drops the remarks of servers about handshakes and the like.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
