package config

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drawbridge/internal/protocol"
)

const defaultDrain = 2 * time.Minute

// Environment is what a configuration takes from the machine. The zero value has no host name and no variables.
type Environment struct {
	Hostname string                           // the default of name
	Timezone string                           // the name of the machine's own zone, such as Europe/Berlin; may be empty
	Now      time.Time                        // what is held against dates; zero: no date is warned of
	Lookup   func(name string) (string, bool) // environment variables; nil: none
}

// System returns the environment of this process.
func System() Environment {
	host, _ := os.Hostname() // without one, name has another default
	return Environment{Hostname: host, Timezone: machineZone(), Now: time.Now(), Lookup: os.LookupEnv}
}

// machineZone returns the machine's time zone by name, as far as TZ or the link /etc/localtime tell.
func machineZone() string {
	if zone := os.Getenv("TZ"); zone != "" {
		return strings.TrimPrefix(zone, ":")
	}
	link, err := os.Readlink("/etc/localtime")
	if err != nil {
		return ""
	}
	_, zone, _ := strings.Cut(link, "zoneinfo/")
	return zone
}

// variable returns an environment variable, empty where it is not set.
func (e Environment) variable(name string) string {
	if e.Lookup != nil {
		if text, ok := e.Lookup(name); ok {
			return text
		}
	}
	return ""
}

// Load reads and checks a configuration file. An error is Faults, with everything that is wrong with the file, or
// says in one sentence why it could not be read; errors.Is finds the cause.
func Load(path string) (*Config, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, System())
}

// Parse checks the text of a configuration file. Relative paths in it start at the folder of name. An error is
// Faults. Files that the configuration names are read.
func Parse(name string, data []byte, env Environment) (*Config, error) {
	d := newDecoder(name, env)
	c := defaults(env)
	if root := d.document(data); root != nil {
		d.value("", "", root, root).read(c.read)
		d.check(c)
	}
	if len(d.faults) > 0 {
		d.faults.sort()
		return nil, d.faults
	}
	d.warnings.sort()
	for _, w := range d.warnings {
		c.Warnings = append(c.Warnings, w.String())
	}
	return c, nil
}

func (c *Config) read(o *object) {
	d := o.d
	scalar(o, "data_dir", &c.DataDir, d.path)
	scalar(o, "name", &c.Name, label)
	scalar(o, "drain", &c.Drain, duration)
	scalar(o, "timezone", &c.Timezone, d.timezone)
	d.zone = c.Timezone // before the dates below, which begin in it
	if items, ok := o.entries("listeners"); ok {
		c.Listeners = make([]Listener, len(items))
		for i, item := range items {
			c.Listeners[i] = defaultListener()
			item.read(c.Listeners[i].read)
		}
	}
	if items, ok := o.entries("certificates"); ok {
		c.Certificates = make([]Certificate, len(items))
		for i, item := range items {
			item.read(c.Certificates[i].read)
		}
	}
	o.use("upstreams", c.readUpstreams)
	o.use("accounts", c.readAccounts)
	o.use("token_key", func(v value) { v.secret(&c.TokenKey, checkTokenKey) })
	o.use("rules", c.readRules)
	o.group("log", c.Log.read)
	scalar(o, "contact", &c.Contact, contact)
	o.group("notices", c.Notices.read)
	o.group("inventory", c.Inventory.read)
	o.group("admin", c.Admin.read)
}

// readUpstreams keeps the order of the file: the first upstream serves what no rule leads elsewhere.
func (c *Config) readUpstreams(v value) {
	all, ok := v.object()
	if !ok {
		return
	}
	if len(all.pairs) == 0 {
		v.fault(wrong("write an upstream, or leave the key out for Exchange Online", "no upstream stands here"))
	}
	c.Upstreams = nil
	for _, p := range bounded(v, all.pairs, maxEntries) {
		u := defaultUpstream()
		u.Name = p.key.Value
		v.named(p).read(u.read)
		c.Upstreams = append(c.Upstreams, u)
	}
}

func (c *Config) readRules(v value) {
	items, _ := v.items()
	items = bounded(v, items, maxRules)
	c.Rules = make([]Rule, len(items))
	for i, item := range items {
		c.Rules[i].Index = i
		item.read(c.Rules[i].read)
	}
}

// minTokenKey is how long a text that encrypts tokens must be, in bytes.
const minTokenKey = 32

func checkTokenKey(text string) *mistake {
	if len(text) < minTokenKey {
		return wrong("make one with: openssl rand -base64 32", "the key is shorter than %d bytes", minTokenKey)
	}
	return nil
}

// Where a configuration file's bridge keeps its data, and what an instance without a host name is called.
const (
	systemDataDir = "/var/lib/drawbridge"
	namelessHost  = "drawbridge"
)

// Default returns what holds without a file: implicit TLS on 1993 (IMAP) and 1995 (POP3), STARTTLS on 1143 and 1110,
// Exchange Online with passthrough, a local CA, health on 127.0.0.1:8025, and data in $XDG_STATE_HOME/drawbridge
// (~/.local/state/drawbridge; /var/lib/drawbridge for a user without home). Each call returns a new value.
func Default() *Config {
	env := System()
	c := defaults(env)
	c.DataDir = stateFolder(env)
	return c
}

// defaults returns what holds for the keys that a file leaves out.
func defaults(env Environment) *Config {
	return &Config{
		DataDir:      systemDataDir,
		Name:         cmp.Or(env.Hostname, namelessHost),
		Drain:        defaultDrain,
		Listeners:    defaultListeners(),
		Certificates: []Certificate{{LocalCA: defaultLocalCA()}},
		Upstreams:    []Upstream{exchangeOnline()},
		Timezone:     env.zone(),
		Log: Log{
			Level:  "info",
			Format: "auto",
			Output: []string{"stderr"},
			Rotate: Rotate{Size: 100 * mebibyte, Keep: 10},
		},
		Notices:   defaultNotices(),
		Inventory: defaultInventory(),
		Admin:     Admin{Address: "127.0.0.1:8025", Names: []string{}},
	}
}

func defaultListeners() []Listener {
	entry := func(name, protocolName, address, mode string) Listener {
		l := defaultListener()
		l.Name, l.Protocol, l.Address, l.TLS = name, protocolName, address, mode
		return l
	}
	return []Listener{
		entry("imaps", protocol.IMAP, ":1993", "implicit"),
		entry("pop3s", protocol.POP3, ":1995", "implicit"),
		entry("imap", protocol.IMAP, ":1143", "starttls"),
		entry("pop3", protocol.POP3, ":1110", "starttls"),
	}
}

// stateFolder follows the XDG Base Directory Specification, which says that a relative path is to be ignored.
func stateFolder(env Environment) string {
	if folder := env.variable("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "drawbridge")
	}
	if home := env.variable("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "drawbridge")
	}
	return systemDataDir
}
