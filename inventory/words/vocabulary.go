package words

import "slices"

// Word is one word of the contract as people read it.
type Word struct {
	Word  string // as records, configuration and flags have it
	Label string // as pages, reports and documents show it
	Means string // what it says of a device or a session, in one sentence
	Tone  Tone   // how it is coloured
}

// Tone is what a colour says of a word. Shades are for charts, where neighbours must differ.
type Tone string

// The tones.
const (
	Plain Tone = "plain" // says nothing
	Info  Tone = "info"
	Good  Tone = "good"
	Warn  Tone = "warn" // somebody should do something
	Bad   Tone = "bad"
)

// Vocabulary is the words of one kind, in the order in which lists, filters and charts have them.
type Vocabulary []Word

// Label is how people read a word; one that is not in v stands for itself.
func (v Vocabulary) Label(word string) string {
	if w, ok := v.Find(word); ok {
		return w.Label
	}
	return word
}

// Find returns a word of v.
func (v Vocabulary) Find(word string) (Word, bool) {
	i := slices.IndexFunc(v, func(w Word) bool { return w.Word == word })
	if i < 0 {
		return Word{}, false
	}
	return v[i], true
}

// Words are the words of v as records have them.
func (v Vocabulary) Words() []string {
	all := make([]string, len(v))
	for i := range v {
		all[i] = v[i].Word
	}
	return all
}

// Labels are the words of v as people read them.
func (v Vocabulary) Labels() []string {
	all := make([]string, len(v))
	for i := range v {
		all[i] = v[i].Label
	}
	return all
}

// The vocabularies are looked up for every cell of a list, and so made once. Nobody changes them.
var (
	readiness = Vocabulary{
		{"ready", "Encryption ready", "Its encryption is what Exchange Online takes.", Good},
		{"legacy", "Legacy TLS", "TLS 1.0 or 1.1 at most, or TLS 1.2 without what Exchange Online wants of it.", Warn},
		{"obsolete", "Obsolete (SSL)", "SSL 3.0 at most.", Bad},
		{"unknown", "Not known", "No handshake of it was seen.", Plain},
	}
	blockers = Vocabulary{
		{"no_tls", "No TLS", "It speaks without TLS.", Bad},
		{"tls_version", "TLS version", "It has no TLS 1.2.", Warn},
		{"key_exchange", "Key exchange", "It lacks ECDHE with RSA and AES, or the curves P-256 and P-384.", Warn},
		{"signature", "Signature", "It takes no signature that the certificates of Exchange Online have.", Warn},
		{"password_login", "Password login", "It logs in by password, and Exchange Online takes only tokens.", Warn},
		{"starttls_port", "STARTTLS port", "It uses a port with STARTTLS, and Exchange Online has none for reading mail.", Warn},
	}
	stages = Vocabulary{
		{"bridge", "Bridge", "It is served.", Info},
		{"warn", "Warn", "It is served, and its user reads a message.", Warn},
		{"brownout", "Brownout", "It is refused in the hours of the schedule, and served outside them.", Warn},
		{"block", "Block", "It is refused for good.", Plain},
	}
	outcomes = Vocabulary{
		{"bridged", "Bridged", "The device reached its mailbox.", Good},
		{"cut", "Cut", "The bridge ended the session: it stopped, or the device was blocked.", Warn},
		{"tls_failed", "TLS failed", "The device and the bridge found no TLS that both have.", Bad},
		{"refused", "Refused", "A rule or a limit of the bridge refused the session.", Warn},
		{"login_failed", "Login failed", "Name or password was wrong.", Bad},
		{"upstream_failed", "Upstream failed", "The mail service or its login service did not answer, or refused the bridge.", Bad},
		{"protocol_error", "Protocol error", "The device said what its protocol does not allow.", Bad},
		{"abandoned", "Abandoned", "The device left, or fell silent, before anything else happened.", Plain},
	}
	nextSteps = Vocabulary{
		{"repoint", "Point it at Exchange Online", "It needs the bridge no longer: change the server name in its settings.", Good},
		{"oauth2", "Move its login to OAuth2", "Its encryption is good enough; its password login is not.", Warn},
		{"enable_tls", "Switch TLS 1.2 on", "It can speak TLS 1.2, and does not.", Warn},
		{"update", "Update it", "A newer firmware or version has TLS 1.2.", Warn},
		{"replace", "Replace it", "Nothing newer is there for it.", Bad},
		{"identify", "Find out what it is", "Too little is known to advise on it.", Plain},
		{"watch", "Watch it", "There is nothing to do yet, or nobody knows who knocks.", Plain},
	}
	categories = Vocabulary{
		{"desktop_mail_client", "Desktop mail program", "A mail program of a person's computer.", Plain},
		{"mobile", "Phone or tablet", "A mail program of a phone or tablet.", Plain},
		{"printer_scanner", "Printer, scanner or fax", "A device that prints, scans or faxes.", Plain},
		{"iot_alarm", "Alarm or building system", "Alarm panels, cameras, uninterruptible power supplies, building control.", Plain},
		{"medical", "Medical device", "A device or gateway of patients' care.", Plain},
		{"custom_application", "Application", "A program on a server, such as a ticket system.", Plain},
		{"saas_connector", "Cloud service", "A service elsewhere that fetches mail from here.", Plain},
		{"backup_archive", "Backup or archive", "A program that copies mailboxes.", Plain},
		{"unknown", "Not known", "Nothing tells what it is.", Plain},
	}
	tlsVersions = Vocabulary{
		{"1.3", "TLS 1.3", "Strong.", Good},
		{"1.2", "TLS 1.2", "Strong enough for Exchange Online with the right suites.", Good},
		{"1.1", "TLS 1.1", "Weak: no longer taken by Exchange Online.", Warn},
		{"1.0", "TLS 1.0", "Weak: no longer taken by Exchange Online.", Warn},
		{"ssl3", "SSL 3.0", "Broken since 2014.", Bad},
		{"ssl2", "SSL 2.0", "Broken since 1996.", Bad},
		{"none", "No handshake", "No TLS handshake was completed.", Plain},
	}
	priorities = Vocabulary{
		{"critical", "Critical", "", Bad}, {"high", "High", "", Warn}, {"normal", "Normal", "", Plain}, {"low", "Low", "", Plain},
	}
)

// Readiness is what a device's encryption is good for without the bridge.
func Readiness() Vocabulary { return readiness }

// Blockers are what keeps a device from going direct.
func Blockers() Vocabulary { return blockers }

// Stages are how far a device's migration is.
func Stages() Vocabulary { return stages }

// Outcomes are how a session ended.
func Outcomes() Vocabulary { return outcomes }

// NextSteps are what to do about a device.
func NextSteps() Vocabulary { return nextSteps }

// Categories are what a device is.
func Categories() Vocabulary { return categories }

// TLSVersions are the versions of a handshake, the strongest first.
func TLSVersions() Vocabulary { return tlsVersions }

// Priorities are how urgent people say a device is.
func Priorities() Vocabulary { return priorities }
