package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"drawbridge/internal/protocol"
	"drawbridge/internal/schedule"
)

// Rule is one line of the table that decides about sessions.
type Rule struct {
	// Its place in the file, from 0. Not a key.
	Index int `yaml:"-"`

	// Which sessions it is for; all keys must hold. Without keys: every session.
	Match Match `yaml:"match,omitempty"`

	// From when on the rule holds: a date, which begins at 00:00 in timezone, a local time such as 2027-01-15T20:00, or a
	// time with its offset. Default: always did.
	From time.Time `yaml:"from,omitempty"`

	// Until when the rule holds, that moment not included. Default: it never ends.
	Until time.Time `yaml:"until,omitempty"`

	// The upstream that serves them.
	Upstream string `yaml:"upstream,omitempty" jsonschema:"minLength=1"`

	// The mailbox that they open there. With auth: passthrough the mailbox is the login's.
	Mailbox string `yaml:"mailbox,omitempty" jsonschema:"minLength=1,maxLength=256"`

	// What happens to the sessions' devices: bridge serves them, warn serves them and says message, brownout refuses them
	// inside schedule, block refuses them for good. Empty without the key.
	Stage string `yaml:"stage,omitempty" jsonschema:"enum=bridge,enum=warn,enum=brownout,enum=block"`

	// When a brownout refuses, by the clock of timezone: days and hours, such as "Mon-Fri 10:00-10:30", or hours alone;
	// one window or a list.
	Schedule []schedule.Window `yaml:"schedule,omitempty" jsonschema:"minItems=1"`

	// From when on every stage is block: a date or a time as from has, or deadline: the device's own planned date.
	BlockFrom BlockFrom `yaml:"block_from,omitempty"`

	// What stage warn says: one line of printable ASCII, 200 bytes at most.
	Message string `yaml:"message,omitempty" jsonschema:"minLength=1,maxLength=200,pattern=^[ -~]*$"`

	// Whether the stage is only put on record, and the device served as in bridge.
	// In Go: nil without the key.
	DryRun *bool `yaml:"dry_run,omitempty"`

	// Whether block also ends sessions that are running.
	// In Go: nil without the key.
	CutSessions *bool `yaml:"cut_sessions,omitempty"`
}

// BlockFrom is when every stage becomes block. The zero value: never by this rule. At and Deadline are not set together.
type BlockFrom struct {
	At       time.Time // that moment on; zero: none
	Deadline bool      // the device's own planned date, where it has one
}

// String returns the value as a configuration has it: a time (RFC 3339), deadline, or nothing.
func (b BlockFrom) String() string {
	switch {
	case b.Deadline:
		return deadline
	case b.At.IsZero():
		return ""
	}
	return b.At.Format(time.RFC3339)
}

// deadline is the word for the device's own planned date.
const deadline = "deadline"

// The stages of a device, by how far its migration is.
const (
	stageBridge   = "bridge"
	stageWarn     = "warn"
	stageBrownout = "brownout"
	stageBlock    = "block"
)

// Match says which sessions a rule is for. Each key takes one value or a list, any of which may hold; all keys that
// are set must hold.
type Match struct {
	// Addresses and ranges that the device connects from, or {file: PATH} of a text file with one on each line; # begins a
	// comment there.
	Source []netip.Prefix `yaml:"source,omitempty" jsonschema:"minItems=1"`

	// MAC addresses of devices, or {file: PATH} as for source.
	// In Go: lower case, with colons.
	MAC []string `yaml:"mac,omitempty" jsonschema:"minItems=1"`

	// Names of listeners.
	Listener []string `yaml:"listener,omitempty" jsonschema:"minItems=1"`

	// Mail protocols: imap or pop3.
	Protocol []string `yaml:"protocol,omitempty" jsonschema:"minItems=1,enum=imap,enum=pop3"`

	// Patterns of account names: * stands for any run of characters, ? for one, all else for itself. Or {file: PATH} as
	// for source.
	Account []string `yaml:"account,omitempty" jsonschema:"minItems=1"`

	// What the device could do without the bridge: ready, legacy, obsolete or unknown.
	Readiness []string `yaml:"readiness,omitempty" jsonschema:"minItems=1,enum=ready,enum=legacy,enum=obsolete,enum=unknown"`

	// What keeps the device from going direct, any of the list. [] is a device that nothing keeps and that is ready.
	// In Go: nil without the key, a pointer to an empty list for [].
	Blockers *[]string `yaml:"blockers,omitempty"`

	// Ids of devices such as 10.20.3.7/scanner1, or patterns of them as account has. Or {file: PATH} as for source.
	Device []string `yaml:"device,omitempty" jsonschema:"minItems=1"`

	// This many of a hundred devices, from 0 to 100, always the same ones: for trying an upstream with a few.
	// In Go: nil without the key.
	UpstreamPercent *int `yaml:"upstream_percent,omitempty" jsonschema:"minimum=0,maximum=100"`

	// Turned round: the rule is for sessions that do not match all of these keys.
	Not *Match `yaml:"not,omitempty"`
}

// blockers are what can keep a device from going direct, in the order in which they are told.
func blockers() []string {
	return []string{"no_tls", "no_login", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
}

func (m *Match) read(o *object) {
	oneSomeOrFile(o, "source", "address or range", &m.Source, prefix)
	oneSomeOrFile(o, "mac", "MAC address", &m.MAC, macAddress)
	oneOrSome(o, "listener", &m.Listener, word)
	oneOrSome(o, "protocol", &m.Protocol, oneOf(protocol.Names()...))
	oneSomeOrFile(o, "account", "name or pattern", &m.Account, accountPattern)
	oneOrSome(o, "readiness", &m.Readiness, oneOf("ready", "legacy", "obsolete", "unknown"))
	m.readBlockers(o)
	oneSomeOrFile(o, "device", "id or pattern", &m.Device, devicePattern)
	pointer(o, "upstream_percent", &m.UpstreamPercent, percent)
}

// readWithNot reads the keys of a match; inside of not there is no further not.
func (m *Match) readWithNot(o *object) {
	m.read(o)
	o.group("not", func(o *object) {
		m.Not = &Match{}
		m.Not.read(o)
		if len(o.pairs) == 0 {
			o.fault(wrong("write a key such as source, or leave not out", "an empty not matches nothing"))
		}
	})
}

func (m *Match) readBlockers(o *object) {
	o.use("blockers", func(v value) {
		items := []value{v}
		if v.isList() {
			items, _ = v.items()
		}
		all := readAll(items, oneOf(blockers()...))
		m.Blockers = &all
	})
}

func (r *Rule) read(o *object) {
	o.group("match", r.Match.readWithNot)
	scalar(o, "from", &r.From, o.d.moment)
	scalar(o, "until", &r.Until, o.d.moment)
	scalar(o, "upstream", &r.Upstream, word)
	scalar(o, "mailbox", &r.Mailbox, oneMailbox)
	scalar(o, "stage", &r.Stage, oneOf(stageBridge, stageWarn, stageBrownout, stageBlock))
	o.use("schedule", r.readSchedule)
	scalar(o, "block_from", &r.BlockFrom, o.d.blockFrom)
	scalar(o, "message", &r.Message, message)
	pointer(o, "dry_run", &r.DryRun, boolean)
	pointer(o, "cut_sessions", &r.CutSessions, boolean)
	if !slices.ContainsFunc(o.pairs, setsSomething) {
		o.fault(wrong("write upstream: and the name of an upstream, or stage: and a stage", "the rule sets nothing"))
	}
	r.checkTimes(o)
}

// readSchedule reads one window or a list of them.
func (r *Rule) readSchedule(v value) {
	items := []value{v}
	if v.node.Kind != yaml.ScalarNode {
		items = bounded(v, v.filled(`write a window such as "Mon-Fri 10:00-10:30", or leave the key out`, "the list is empty"), maxEntries)
	}
	r.Schedule = readAll(items, window)
}

// setsSomething tells the keys of a rule that do not only say when it is asked. A key that nothing knows has its own fault.
func setsSomething(p *pair) bool {
	return !slices.Contains([]string{"match", "from", "until"}, p.key.Value)
}

// checkTimes judges the dates of a rule, against each other and against today.
func (r *Rule) checkTimes(o *object) {
	if !r.From.IsZero() && !r.Until.IsZero() && !r.Until.After(r.From) {
		o.faultIn("until", wrong("write a time after "+r.From.Format(time.RFC3339), "the rule ends before it begins, and never holds"))
		return
	}
	if o.d.passed(r.Until) {
		o.warnIn("until", wrong("write a later time or delete the rule", "the rule holds no more, since %s", r.Until.Format(time.RFC3339)))
		return
	}
	if o.d.passed(r.BlockFrom.At) {
		o.warnIn("block_from", wrong("write a later time, or stage: block if it is meant",
			"every stage is block by this rule, since %s", r.BlockFrom.At.Format(time.RFC3339)))
	}
}

// pointer reads one value whose absence tells something.
func pointer[T any](o *object, key string, into **T, parse func(string) (T, *mistake)) {
	o.use(key, func(v value) {
		var one T
		if read(v, &one, parse) {
			*into = &one
		}
	})
}

// accountPattern reads a pattern for account names: * stands for any run of characters, ? for one, all else for itself.
var accountPattern = pattern("account", `a name or a pattern such as "*@contoso.com"`)

// devicePattern reads the id of a device, or a pattern of ids: a source or a MAC address, a slash, an account.
func devicePattern(text string) (string, *mistake) {
	const such = `an id such as 10.20.3.7/scanner1 or a pattern such as "10.20.3.*/*"`
	text, m := pattern("device", such)(text)
	if m == nil && !strings.Contains(text, "/") && !strings.Contains(text, "*") {
		return "", wrong("write "+such, "%s has no slash, which each id has", quoted(text))
	}
	return text, m
}

func pattern(of, such string) parser {
	return func(text string) (string, *mistake) {
		switch {
		case text == "":
			return "", wrong("write "+such, "an empty pattern matches no %s", of)
		case strings.ContainsAny(text, "[]{}"):
			return "", wrong("write one pattern for each, with * and ? alone", "%s has brackets, which patterns do not know", quoted(text))
		case !isPrintable(text), len(text) > 256:
			return "", wrong("write at most 256 printable characters", "%s is no pattern", quoted(text))
		}
		return text, nil
	}
}

// message reads what stage warn says. IMAP and POP3 carry it, so it is ASCII in one line.
func message(text string) (string, *mistake) {
	if strings.TrimSpace(text) == "" {
		return "", wrong("write what the device's users are to read, or leave the key out for the text that holds without it",
			"the message is empty")
	}
	return sentence(`"This device can use outlook.office365.com directly."`)(text)
}

// percent reads how many of a hundred.
func percent(text string) (int, *mistake) {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n > 100 {
		return 0, wrong("write a whole number from 0 to 100, such as 10", "%s is no number of a hundred", quoted(text))
	}
	return int(n), nil
}

// window reads when a brownout refuses.
func window(text string) (schedule.Window, *mistake) {
	w, err := schedule.Parse(text[:min(len(text), maxShown)]) // seven days in full are shorter
	if err != nil {
		return w, wrong(`write days and hours such as "Mon-Fri 10:00-10:30", or hours alone such as "10:00-10:30"`,
			"%s is no window of a schedule: %v", quoted(text), err)
	}
	return w, nil
}

// blockFrom reads a moment, or the word for the device's own planned date.
func (d *decoder) blockFrom(text string) (BlockFrom, *mistake) {
	if text == deadline {
		return BlockFrom{Deadline: true}, nil
	}
	at, m := d.moment(text)
	if m != nil {
		return BlockFrom{}, wrong(m.mend+", or deadline for the device's own planned date", "%s", m.problem)
	}
	return BlockFrom{At: at}, nil
}
