package config

import (
	"net/netip"
	"time"

	"drawbridge/internal/protocol"
)

// Listener is one address where devices connect.
type Listener struct {
	// The listener's name in records, rules and commands; no two are alike.
	Name string `yaml:"name" jsonschema:"required,pattern=^[A-Za-z0-9][A-Za-z0-9._-]{0\\,63}$"`

	// The mail protocol that devices speak here: imap or pop3.
	Protocol string `yaml:"protocol" jsonschema:"enum=imap,enum=pop3"`

	// The address to listen on, as host:port. Without a host: all addresses of this machine.
	Address string `yaml:"address" jsonschema:"required"`

	// How TLS begins: implicit (with the first byte) or starttls (by command; no login before it).
	TLS string `yaml:"tls" jsonschema:"enum=implicit,enum=starttls"`

	// The oldest TLS version that devices may speak: 1.0, 1.1, 1.2 or 1.3.
	MinVersion string `yaml:"min_version" jsonschema:"enum=1.0,enum=1.1,enum=1.2,enum=1.3"`

	// The cipher suites offered to devices: legacy (all that the program has: RSA and ECDHE; AES, 3DES, RC4), modern
	// (ECDHE with AEAD), or a list of IANA names.
	Ciphers Ciphers `yaml:"ciphers"`

	// The largest TLS record of application data sent, from 512B to 16KiB, for devices with small buffers.
	RecordSize int `yaml:"record_size" drawbridge:"size"`

	// The addresses and ranges that devices may connect from. Default: loopback, private and link-local ranges only.
	Allow []netip.Prefix `yaml:"allow" jsonschema:"minItems=1"`

	// Whether programs' own tokens (XOAUTH2) are handed on. With false they are neither announced nor taken.
	DeviceTokens bool `yaml:"device_tokens"`

	// Load balancers, as addresses or ranges: from them a PROXY header is required, from others it is refused.
	ProxyProtocol []netip.Prefix `yaml:"proxy_protocol"`

	// What devices may use up here. 0 switches a limit off.
	Limits Limits `yaml:"limits"`
}

// Limits bound what devices may use up on one listener. 0 switches a limit off.
type Limits struct {
	// Sessions at once.
	Sessions int `yaml:"sessions" jsonschema:"minimum=0"`

	// Sessions at once of one source.
	SessionsPerSource int `yaml:"sessions_per_source" jsonschema:"minimum=0"`

	// Handshakes computing at once, 16 a source; waiting for the device does not count.
	Handshakes int `yaml:"handshakes" jsonschema:"minimum=0"`

	// How long a handshake may take; with starttls from accept to its end.
	HandshakeTimeout time.Duration `yaml:"handshake_timeout"`

	// How long a device may take from the end of the handshake until its credentials are complete.
	LoginTimeout time.Duration `yaml:"login_timeout"`

	// How long neither side may say a thing.
	IdleTimeout time.Duration `yaml:"idle_timeout"`

	// Bad commands before login that end a session.
	BadCommands int `yaml:"bad_commands" jsonschema:"minimum=0"`
}

// Bounds of record_size in bytes: the smallest that RFC 8449 and real stacks bear, and TLS's own largest.
const (
	minRecord = 512
	maxRecord = 16 << 10
)

func defaultListener() Listener {
	return Listener{
		Protocol:      protocol.IMAP,
		TLS:           "implicit",
		MinVersion:    "1.0",
		Ciphers:       Ciphers{Mode: "legacy"},
		RecordSize:    maxRecord,
		Allow:         localRanges(),
		DeviceTokens:  true,
		ProxyProtocol: []netip.Prefix{},
		Limits: Limits{
			Sessions:          10000,
			SessionsPerSource: 50,
			Handshakes:        256,
			HandshakeTimeout:  30 * time.Second,
			LoginTimeout:      60 * time.Second,
			IdleTimeout:       31 * time.Minute,
			BadCommands:       10,
		},
	}
}

func (l *Listener) read(o *object) {
	o.required("name", "a word of your choice, such as name: imaps")
	o.required("address", `where to listen, such as address: ":993"`)
	scalar(o, "name", &l.Name, word)
	scalar(o, "protocol", &l.Protocol, oneOf(protocol.Names()...))
	scalar(o, "address", &l.Address, listenAddress)
	scalar(o, "tls", &l.TLS, oneOf("implicit", "starttls"))
	scalar(o, "min_version", &l.MinVersion, tlsVersion)
	o.use("ciphers", l.Ciphers.read)
	scalar(o, "record_size", &l.RecordSize, size(minRecord, maxRecord))
	some(o, "allow", &l.Allow, prefix)
	scalar(o, "device_tokens", &l.DeviceTokens, boolean)
	list(o, "proxy_protocol", &l.ProxyProtocol, prefix)
	o.group("limits", l.Limits.read)
}

func (l *Limits) read(o *object) {
	scalar(o, "sessions", &l.Sessions, count(0))
	scalar(o, "sessions_per_source", &l.SessionsPerSource, count(0))
	scalar(o, "handshakes", &l.Handshakes, count(0))
	scalar(o, "handshake_timeout", &l.HandshakeTimeout, duration)
	scalar(o, "login_timeout", &l.LoginTimeout, duration)
	scalar(o, "idle_timeout", &l.IdleTimeout, duration)
	scalar(o, "bad_commands", &l.BadCommands, count(0))
}

func tlsVersion(text string) (string, *mistake) {
	const mend = `write "1.0", 1.1, 1.2 or 1.3`
	switch text {
	case "1.0", "1.1", "1.2", "1.3":
		return text, nil
	case "ssl2":
		return "", wrong(mend, "SSL 2 is never served")
	}
	return "", wrong(mend, "%s is no TLS version", quoted(text))
}
