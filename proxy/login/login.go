// Package login is the ground of a session: what a login in a mail protocol is made of.
//
// A device is spoken with by a Login, an upstream by an UpstreamHalf, each over a Conn of its own. SASL is RFC 4422, PLAIN 4616,
// initial responses are 4954 and 4959.
package login

import (
	"context"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/secret"
)

// Login is the device's half of one login in one mail protocol: from the greeting to the answer that lets the device in. One
// goroutine owns it. The Server calls Read (which greets the first time), and Admit when the upstream's half has proven the
// mailbox. Refuse may come first of all, or follow Read, after which Read may be called again. The deadlines of its Conn are
// the Server's.
type Login interface {
	// Read speaks with the device until it has presented credentials. It returns ErrLoggedOut when the device said
	// goodbye, a *ProtocolError when the device broke a bound, and the Conn's error otherwise.
	Read(ctx context.Context) (Credentials, error)
	// Admit tells the device that it is logged in. Afterwards both Conns are relayed.
	Admit(Admission) error
	// Refuse tells the device why not, at the point where it reads an answer. For the reasons that end a session
	// (Busy, Ended, Plaintext) the caller closes the connection afterwards.
	Refuse(r *Refusal) error
}

// Admission is what a device may be told with the OK of its login.
type Admission struct {
	Notice       string   // for people; empty: none
	Capabilities []string // the upstream's, as it announced them last; nil: it announced none
	Alerts       []string // UpstreamNotes.Alerts
}

// UpstreamHalf is the bridge's half of one login with an upstream: from its greeting to the proof that the mailbox is open.
// It knows nothing of a device. One goroutine owns it; the deadlines of its Conn are the caller's. Its methods are called in
// this order, and their errors are *Refusals that say what the device may be told.
type UpstreamHalf interface {
	// Greet reads the greeting and starts TLS where the Conn is not yet Secure.
	Greet(ctx context.Context) error
	// Announce asks for the capabilities before login, and remembers them for other sessions. LogIn does so itself where it must.
	Announce() ([]string, error)
	// LogIn logs in with the first of mechs that the upstream announces, in the first of its forms that it knows (see
	// TryForms). It never sends a credential over a Conn that is not Secure.
	LogIn(ctx context.Context, mechs []sasl.Client) error
	// ProveMailbox makes sure that the mailbox is open: Exchange can accept a token and then refuse every command. After a
	// password the upstream's OK is the proof, and it returns nil at once.
	ProveMailbox(ctx context.Context) error
	// Capabilities is the list that the upstream announced last, nil where it announced none.
	Capabilities() []string
	// LogOut says goodbye, as far as anybody listens.
	LogOut()
}

// Dialect is one protocol as far as login, from both ends: imaplogin.Dialect and pop3login.Dialect are the two.
type Dialect struct {
	// NewLogin starts the device's half. What it notices goes into n, which the Server copies into the session record.
	NewLogin func(device *Conn, greeting Greeting, n *Notes) Login
	// NewUpstreamHalf starts the upstream's half on a Conn that has read nothing yet.
	NewUpstreamHalf func(upstream *Conn, n *UpstreamNotes) UpstreamHalf
}

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
// command (IMAP LOGIN, POP3 USER and PASS), or by the mechanism LOGIN.
type PasswordLogin struct {
	sasl.Client
	Name     string
	Password secret.Secret
	Form     string // Credentials.Mechanism of the device, which is tried first; empty: PLAIN is
}

// NewPasswordLogin returns the login of name by password, with an empty authorization identity (RFC 4616).
func NewPasswordLogin(name string, password secret.Secret) *PasswordLogin {
	return &PasswordLogin{
		Client:   sasl.NewPlainClient("", name, password.Reveal()),
		Name:     name,
		Password: password,
	}
}
