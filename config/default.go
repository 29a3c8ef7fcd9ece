package config

import (
	"cmp"
	"path/filepath"

	"drawbridge/internal/protocol"
)

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
			Format: "json",
			Output: []string{"stderr"},
			Rotate: Rotate{Size: 100 * mebibyte, Keep: 10},
		},
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
