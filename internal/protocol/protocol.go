// Package protocol is the table of the mail protocols that devices speak: whatever else has a word of its own for one of
// them looks it up here.
package protocol

import "slices"

// The names of the protocols: in the configuration, in records, and as ALPN identifiers (RFC 7301's registry).
const (
	IMAP = "imap"
	POP3 = "pop3"
)

// Protocol is one mail protocol.
type Protocol struct {
	Name     string
	Title    string // for people
	Port     string // where a client starts TLS (RFC 9051, section 2.1; RFC 1939, section 3)
	TLSPort  string // where TLS comes first (RFC 8314, section 7)
	StartTLS string // the command (RFC 9051, section 6.2.1; RFC 2595, section 4)
	Greeting string // the bridge's, behind the protocol's own words

	// Exchange Online's and Entra ID's names for it:
	// learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
	ExchangeHost string // of Exchange Online, with port
	AppRole      string // what an application is granted
	UserScope    string // what a user consents to
	CASSwitch    string // of Set-CASMailbox
}

var table = [...]Protocol{
	{
		Name: IMAP, Title: "IMAP", Port: "143", TLSPort: "993", StartTLS: "STARTTLS",
		Greeting:     "Drawbridge IMAP4 service is ready.",
		ExchangeHost: "outlook.office365.com:993",
		AppRole:      "IMAP.AccessAsApp", UserScope: "IMAP.AccessAsUser.All", CASSwitch: "ImapEnabled",
	},
	{
		Name: POP3, Title: "POP3", Port: "110", TLSPort: "995", StartTLS: "STLS",
		Greeting:     "Drawbridge POP3 service is ready.",
		ExchangeHost: "outlook.office365.com:995",
		AppRole:      "POP.AccessAsApp", UserScope: "POP.AccessAsUser.All", CASSwitch: "PopEnabled",
	},
}

// All returns every protocol, in the order in which they are listed.
func All() []Protocol { return slices.Clone(table[:]) }

// Names returns the name of every protocol, in that order.
func Names() []string {
	var names []string
	for _, p := range table {
		names = append(names, p.Name)
	}
	return names
}

// Of returns the protocol of a name; false where there is none.
func Of(name string) (Protocol, bool) {
	return find(func(p Protocol) bool { return p.Name == name })
}

// OfPort returns the protocol whose registered port that is; false where there is none.
func OfPort(port string) (Protocol, bool) {
	return find(func(p Protocol) bool { return p.Port == port || p.TLSPort == port })
}

func find(is func(Protocol) bool) (Protocol, bool) {
	i := slices.IndexFunc(table[:], is)
	if i < 0 {
		return Protocol{}, false
	}
	return table[i], true
}
