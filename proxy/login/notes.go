package login

import "strings"

// Notes is what a Login notices for the session record. The Login writes it, the Server reads it when the Login is not
// running.
type Notes struct {
	Quirks         []string          // what was tolerated, each once, in the order seen
	ClaimedAccount string            // the account as typed, as soon as it is typed
	ClientID       map[string]string // IMAP ID pairs as sent, bounded
	LoginInClear   bool              // a login was tried before TLS
	PasswordClear  bool              // a password crossed the network before TLS
	Unserved       Unserved          // the last login that could not be tried
	LoggedOut      bool              // the device's last line was QUIT or LOGOUT
}

// Claim notes the name that a device says is its own; an empty one is none. A nil Notes takes none.
func (n *Notes) Claim(name string) {
	if n != nil && name != "" {
		n.ClaimedAccount = strings.Clone(name) // and not the whole line, which may have the password in it
	}
}

// TriedInClear notes a login before TLS, and whether it brought its password.
func (n *Notes) TriedInClear(passwordCame bool) {
	n.LoginInClear = true
	if passwordCame {
		n.PasswordClear = true
		n.Quirk(QuirkPasswordInClear)
	}
}

// UpstreamNotes is what an UpstreamHalf notices for the session record. The half writes it, the Server reads it when the half
// is not running.
type UpstreamNotes struct {
	Greeting string // the whole line
	FrontEnd string // the server name in an Exchange greeting, decoded
	Auth     string // how the upstream was logged in to, in Credentials.Mechanism's words; written before a credential is sent
	Says     string // the upstream's line where it refused; may quote secrets, the Server searches it
	Messages int    // how many the mailbox has, where its proof told
	// Alerts are what the upstream said for people's eyes while it answered the login: "OK [ALERT] text", bounded.
	Alerts []string
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
