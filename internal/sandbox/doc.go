// Package sandbox is a small world to try the bridge in.
//
// It has a stand-in for Exchange, which accepts only modern TLS and says what Exchange says, one for Entra ID, and a fleet of
// simulated devices that are too old for either. The demo shows them to an administrator, the tests judge the bridge with them, and so
// nothing here shares code with the bridge. Everything listens on loopback addresses and nothing leaves the machine.
//
// An [Entra] is a stand-in for Entra ID: discovery, the token endpoint with every flow, device codes, managed identities,
// real signed tokens, Entra ID's own refusals, switchable [EntraFaults] and an [EntraLog].
//
// An [Exchange] has mailboxes and any number of listeners, each with a protocol, a way to
// start TLS, a [Personality] and switchable [Faults]; its [Log] tells what reached it, passwords
// and tokens included, because tests look for them. With [Exchange.Trust] it takes
// an Entra's tokens, and looks at all that Exchange Online looks at. A [Device] connects, reads its mail, checks it byte for byte and
// tells how it went; [Fleet] and [ModernFleet] return the devices of the demo.
//
// IMAP (RFC 3501, RFC 9051) is spoken by our own code up to the login and by go-imap's memory server
// afterwards, with a filter that puts Exchange's words in; POP3 (RFC 1939, RFC 2449, RFC 2595, RFC 5034) is our own. Tokens
// follow RFC 6749, RFC 7515, RFC 7519, RFC 7523 and RFC 8628. The lines
// are those that were seen on the wire of Exchange Online; where one is a guess, a comment says so.
package sandbox
