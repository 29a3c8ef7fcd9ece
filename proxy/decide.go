package proxy

import (
	"context"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// Decider chooses what happens to a session whose device and claimed account are known. It is safe for concurrent use.
type Decider interface {
	// Decide checks the password where it is checked here, and only then tells a stage. A *Refusal says no. Where the
	// upstream or Entra ID checks it, a refusal by stage rides in Decision.Then and is told after Authenticate has
	// succeeded. The session is only read.
	Decide(ctx context.Context, now time.Time, s *inventory.Session, c login.Credentials) (Decision, error)
}

// Reviewer is what a Decider may be besides: it is asked now and then about the sessions that run.
type Reviewer interface {
	// Cuts reports whether a session is to end now; why is the sentence for its record. s is what was known of the session when
	// its relay began, and is only read.
	Cuts(now time.Time, s *inventory.Session) (why string, cut bool)
}

// Decision is what was decided for one login.
type Decision struct {
	Stage inventory.Stage
	// WouldStage is what would hold but for a dry run; empty where that is no other.
	WouldStage inventory.Stage
	Rules      map[string]string // which rule gave each setting, for the record and for explain
	Account    string            // in its listed form; empty: as typed
	Checked    bool              // the password was checked here: the account is verified, whatever the upstream says
	Mailbox    string
	Notice     string         // said with the OK of the login
	Then       *login.Refusal // told instead of Admit
	// Known says that this source and account had a verified login lately: strangers share a quarter of the limits.
	Known      bool
	Upstream   *Upstream
	Credential Credential
}

// TokenCredential is what a Credential may be besides.
type TokenCredential interface {
	// TokenLeft is how long the token that was presented still lives.
	TokenLeft() time.Duration
}

// Credential checks what the device presented and turns it into a login that the upstream accepts. It is for one
// attempt, and one goroutine.
type Credential interface {
	// Mechanisms returns the logins to try, by preference. It may wait for its turn, and may refuse with a *Refusal.
	Mechanisms(ctx context.Context) ([]sasl.Client, error)
	// NotBefore is the earliest time at which a refusal may be told; zero: at once.
	NotBefore() time.Time
	// Retry is asked when the upstream rejected a login as bad credentials: it returns other logins, to be tried once on
	// a new connection, or what the device is told.
	Retry(ctx context.Context, r *login.Refusal) ([]sasl.Client, error)
	// Result is called once after every Mechanisms that gave no error.
	Result(v login.Verdict)
}
