package proxy

import (
	"context"
	"fmt"
	"time"

	"drawbridge/internal/secret"

	"github.com/emersion/go-sasl"
)

// Login is one login in one mail protocol, from greeting to the first relayed byte. One goroutine owns it. The Server
// calls Read (which greets the first time), Authenticate, Prove, Recorder.Admitted and Admit in this order, Authenticate
// a second time, with a fresh Conn, after a refused token. Refuse may come first of all, or follow Read, Authenticate or
// Prove, after which Read may be called again. The deadlines of both Conns are the Server's.
type Login interface {
	// Read speaks with the device until it has presented credentials. It returns ErrLoggedOut when the device said
	// goodbye, a *ProtocolError when the device broke a bound, and the Conn's error otherwise.
	Read(ctx context.Context) (Credentials, error)
	// Authenticate logs in upstream with the first of mechs that the upstream announces: greeting, STARTTLS where
	// upstream is not yet Secure, capability, login. A *Refusal says what the device may be told; it never sends
	// a credential over a Conn that is not Secure.
	Authenticate(ctx context.Context, upstream *Conn, mechs []sasl.Client) error
	// Prove makes sure that the mailbox is open upstream; nil at once after a password.
	Prove(ctx context.Context) error
	// Admit tells the device that it is logged in, with notice where it is not empty. Afterwards both Conns are
	// relayed.
	Admit(notice string) error
	// Refuse tells the device why not, at the point where it reads an answer. For the reasons that end a session
	// (Busy, Ended, Plaintext) the caller closes the connection afterwards.
	Refuse(r *Refusal) error
}

// NewLogin starts the device's side of a login; imaplogin.New and pop3login.New are NewLogins. What a Login notices
// goes into n, which the Server copies into the session record.
type NewLogin func(device *Conn, greeting Greeting, n *Notes) Login

// Greeting is the text behind the protocol's own greeting words, without line ending.
type Greeting string

// Credentials are what a device presented to log in.
type Credentials struct {
	Account   string        // as typed
	Password  secret.Secret // or the token, for XOAUTH2
	Mechanism string        // "LOGIN" (the command), "AUTH-LOGIN", "PLAIN", "USER", "XOAUTH2"
	ClientID  map[string]string
}

// Token reports whether Password is a token of the device's own.
func (c Credentials) Token() bool { return c.Mechanism == MechanismXOAUTH2 }

// The values of Credentials.Mechanism.
const (
	MechanismLogin     = "LOGIN"
	MechanismAuthLogin = "AUTH-LOGIN"
	MechanismPlain     = "PLAIN"
	MechanismUser      = "USER"
	MechanismXOAUTH2   = "XOAUTH2"
)

// PasswordLogin is a sasl.Client for PLAIN whose name and password a Login may also use in the protocol's own login
// command (IMAP LOGIN, POP3 USER and PASS) where the upstream does not announce PLAIN.
type PasswordLogin struct {
	sasl.Client
	Name     string
	Password secret.Secret
}

// NewPasswordLogin returns the login of name by password, with an empty authorization identity (RFC 4616).
func NewPasswordLogin(name string, password secret.Secret) *PasswordLogin {
	return &PasswordLogin{
		Client:   sasl.NewPlainClient("", name, password.Reveal()),
		Name:     name,
		Password: password,
	}
}

// Reason is why a device is refused. Each protocol maps it to its own words in one table.
type Reason int

// The reasons. Busy, Ended and Plaintext end the session.
const (
	Internal        Reason = iota // a fault of ours
	BadCredentials                // wrong name or password, or a program's own token refused; never anything else
	NoTLS                         // a login before STARTTLS or STLS
	Blocked                       // stage block
	Unavailable                   // brownout, upstream, token, throttled, draining
	TooManySessions               // of this mailbox
	TooManyFailures               // of this source and login
	Busy                          // before login could begin: too many sessions, banned source, draining
	Ended                         // ended before login: time-out, bad commands, third refusal
	Plaintext                     // plaintext on a TLS port
)

// Refusal is an error the device can be told about. Text stands behind the protocol's own text where it is not empty
// (only Blocked needs it). Err is for the record, and never sent to a device. Where NotBefore is set the device is told
// no sooner.
type Refusal struct {
	Reason    Reason
	Text      string
	Err       error
	NotBefore time.Time
}

// Refuse returns a Refusal for reason whose record reads as format and args say.
func Refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// RefuseSilent is the Refusal for an upstream that did not do what it was to do: "answer CAPA", say. err is the connection's.
func RefuseSilent(what string, err error) *Refusal {
	switch {
	case isClosed(err):
		return Refuse(Unavailable, "the upstream closed the connection and did not %s: try again later, and look at its log if it goes on", what)
	case isTimeout(err):
		return Refuse(Unavailable, "the upstream did not %s in time: it is slow or overloaded, raise its login_timeout if it goes on", what)
	}
	return Refuse(Unavailable, "the upstream did not %s: %w", what, err)
}

// Error returns the sentence for the record.
func (r *Refusal) Error() string {
	if r.Err == nil {
		return "refused"
	}
	return r.Err.Error()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Notes is what a Login notices for the session record. The Login writes it, the Server reads it when the Login is not
// running.
type Notes struct {
	Quirks         []string          // what was tolerated, each once, in the order seen
	ClaimedAccount string            // the account as typed, as soon as it is typed
	ClientID       map[string]string // IMAP ID pairs as sent, bounded
	FrontEnd       string            // the server name in an Exchange greeting, decoded
	UpstreamAuth   string            // how the upstream was logged in to: "PLAIN", "LOGIN", "USER", "XOAUTH2"; written before a credential is sent
	UpstreamSays   string            // the upstream's line where it refused; may quote secrets, the Server searches it
	LoginInClear   bool              // a login was tried before TLS
	PasswordClear  bool              // a password crossed the network before TLS
	LoggedOut      bool              // the device's last line was QUIT or LOGOUT
}

// Quirk notes a tolerated deviation once.
func (n *Notes) Quirk(name string) {
	for _, q := range n.Quirks {
		if q == name {
			return
		}
	}
	n.Quirks = append(n.Quirks, name)
}

// The quirks that more than one package notes.
const (
	QuirkBareLF          = "bare_lf"
	QuirkExtraCR         = "extra_cr" // more than one carriage return before the line feed
	QuirkSpokeFirst      = "spoke_first"
	QuirkPasswordInClear = "password_in_clear"
	QuirkFailedLogin     = "failed_login"
	QuirkExtraSpaces     = "extra_spaces"
	QuirkSpaceInPassword = "space_in_password"
)

// Observer is what a Login may be besides: it is shown copies of what is relayed, may lose the thread, and can neither
// delay nor change a byte. What it learns it leaves in its Notes.
type Observer interface {
	// First is given the device's first bytes after login as they pass, MaxFirst in all at most. It returns false when
	// it wants no more. It keeps no part of p.
	First(p []byte) bool
	// Last is given the last bytes of both directions, MaxLast each at most, when the relay has ended.
	Last(device, upstream []byte)
}

// How much an Observer is shown, in bytes.
const (
	MaxFirst = 4 << 10
	MaxLast  = 512
)
