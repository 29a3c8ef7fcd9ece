package sandbox

import "time"

// Throttle chooses how a mailbox whose budget is spent is answered.
type Throttle string

// The two forms in which Exchange Online was seen to throttle.
const (
	ThrottleOff    Throttle = ""
	ThrottleCloses Throttle = "BAD" // BAD …, then BYE and the end
	ThrottleStays  Throttle = "NO"  // NO …, the connection stays
)

// Faults are the ways in which a listener can misbehave. The zero value is a healthy server. They are
// set as a whole with [Listener.SetFaults]; each is looked at when its moment comes, so a session that is past
// that moment is not touched.
type Faults struct {
	Down                bool          // nothing listens: connections are refused
	ResetInHandshake    bool          // TCP reset once the first byte came (with STARTTLS: after its OK)
	SilentAfterAccept   bool          // accepts, reads, never says a thing
	SilentAfterGreeting bool          // greets (after the handshake), reads, never answers
	Greeting            string        // said instead of the greeting, without its line end: garbage, `* BYE …`
	GreetingThenClose   bool          // greets and closes
	SplitReplies        bool          // every reply goes out byte by byte, a write and TLS record each
	SlowLogin           time.Duration // how long the answer to a login takes
	LoginRefusal        string        // the answer to every login, without tag: `NO [UNAVAILABLE] …`, `-ERR [IN-USE] …`; untagged if it starts with `* `
	Throttle            Throttle      // of logins and of commands after login
	NotConnected        bool          // logins are told OK and then nothing works (IMAP); refused (POP3)
	ByeInLiteral        string        // said halfway through the next message that is fetched, then the end: a whole line
	InjectAfterSTARTTLS string        // plaintext sent in one write with the OK of STARTTLS or STLS
	DropRate            float64       // this share of new connections is cut at random: at once or somewhere in their first replies; 1: all
	DropSeed            uint64        // which ones those are and when: the same for the same seed and number of a connection
}
