package config

import (
	"net"
	"strings"
	"time"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/protocol"
)

// Upstream is one mail service behind the bridge.
type Upstream struct {
	// The name rules and records use: the key in the file.
	Name string `yaml:"-"`

	// Its IMAP service, as host:port. At least one of imap and pop3 must stand.
	IMAP string `yaml:"imap,omitempty" jsonschema:"minLength=1"`

	// Its POP3 service, as host:port.
	POP3 string `yaml:"pop3,omitempty" jsonschema:"minLength=1"`

	// How TLS begins: implicit or starttls.
	TLS string `yaml:"tls" jsonschema:"enum=implicit,enum=starttls"`

	// The oldest TLS version spoken with it: 1.2 or 1.3. Nothing lower exists.
	MinVersion string `yaml:"min_version" jsonschema:"enum=1.2,enum=1.3"`

	// The name its certificate must carry; "": the host above.
	ServerName string `yaml:"server_name"`

	// Which of its addresses are dialled: any, ipv4 or ipv6.
	Family string `yaml:"family" jsonschema:"enum=any,enum=ipv4,enum=ipv6"`

	// The path of a PEM file with a private root, in addition to the system's; "": none.
	CA string `yaml:"ca"`

	// The text of the file that CA names; nil without one. Not a key.
	CAPEM []byte `yaml:"-"`

	// How long a dial may take, up to the greeting.
	DialTimeout time.Duration `yaml:"dial_timeout"`

	// How long a login may take.
	LoginTimeout time.Duration `yaml:"login_timeout"`

	// What is asked of it at most. 0 switches a limit off.
	Limits UpstreamLimits `yaml:"limits"`

	// How many wrong passwords go up for an account, so that nobody can lock it through the bridge.
	Guesses Guesses `yaml:"guesses"`

	// How devices' logins become logins there: passthrough hands the device's own name and password on; oauth2, with its
	// keys below, logs in with a token for the mailbox of an account.
	// In Go: the word alone, passthrough or oauth2.
	Auth string `yaml:"auth" jsonschema:"required,enum=passthrough"`

	// How tokens are come by; nil unless Auth is oauth2. Not a key: it stands below auth.
	OAuth2 *OAuth2 `yaml:"-"`
}

// UpstreamLimits bound what is asked of an upstream. 0 switches a limit off.
type UpstreamLimits struct {
	// Sessions at once of one mailbox.
	SessionsPerMailbox int `yaml:"sessions_per_mailbox" jsonschema:"minimum=0"`

	// Connections begun in a second, with a burst of one second.
	DialsPerSecond int `yaml:"dials_per_second" jsonschema:"minimum=0"`

	// How long a login waits for its turn; 0: as long as the device does.
	Queue time.Duration `yaml:"queue"`
}

// Guesses bound how many passwords that were not accepted before go up for one account.
type Guesses struct {
	// How many passwords, at least 1.
	Count int `yaml:"count" jsonschema:"minimum=1"`

	// In what time.
	Per time.Duration `yaml:"per"`
}

// ExchangeOnline is the name of the built-in upstream.
const ExchangeOnline = "exchange-online"

func defaultUpstream() Upstream {
	return Upstream{
		TLS:          "implicit",
		MinVersion:   "1.2",
		Family:       "any",
		DialTimeout:  30 * time.Second,
		LoginTimeout: 60 * time.Second,
		Limits:       UpstreamLimits{SessionsPerMailbox: 10, DialsPerSecond: 100, Queue: 30 * time.Second},
		Guesses:      Guesses{Count: 2, Per: 30 * time.Minute},
	}
}

func exchangeOnline() Upstream {
	u := defaultUpstream()
	u.Name = ExchangeOnline
	for _, p := range protocol.All() {
		*u.address(p.Name) = p.ExchangeHost
	}
	u.Auth = AuthPassthrough
	return u
}

// Serves tells whether the upstream has a service for a protocol.
func (u *Upstream) Serves(name string) bool { return u.Address(name) != "" }

// Address is where the upstream serves a protocol, host:port; empty where it does not.
func (u *Upstream) Address(name string) string {
	if at := u.address(name); at != nil {
		return *at
	}
	return ""
}

// address is the key of a protocol, nil where there is no such protocol.
func (u *Upstream) address(name string) *string {
	switch name {
	case protocol.IMAP:
		return &u.IMAP
	case protocol.POP3:
		return &u.POP3
	}
	return nil
}

func (u *Upstream) read(o *object) {
	o.required("auth", "passthrough, or auth: {oauth2: …}")
	if !o.given("imap") && !o.given("pop3") {
		o.fault(wrong("write imap: host:993 or pop3: host:995", "neither imap nor pop3 stands here"))
	}
	for _, p := range protocol.All() {
		scalar(o, p.Name, u.address(p.Name), dialAddress(p.TLSPort))
	}
	scalar(o, "tls", &u.TLS, oneOf("implicit", "starttls"))
	scalar(o, "min_version", &u.MinVersion, upstreamVersion)
	scalar(o, "server_name", &u.ServerName, maybe(host))
	scalar(o, "family", &u.Family, oneOf("any", "ipv4", "ipv6"))
	o.readCA(&u.CA, &u.CAPEM)
	scalar(o, "dial_timeout", &u.DialTimeout, someTime)
	scalar(o, "login_timeout", &u.LoginTimeout, someTime)
	o.group("limits", u.Limits.read)
	o.group("guesses", u.Guesses.read)
	scalarOr(o, "auth", &u.Auth, authWord, func(o *object) {
		o.required("oauth2", "and its keys below it")
		o.group("oauth2", func(o *object) {
			u.Auth, u.OAuth2 = AuthOAuth2, defaultOAuth2()
			u.OAuth2.read(o)
		})
	})
	for _, p := range protocol.All() {
		o.warnOfPort(p.Name, u.Address(p.Name), u.TLS)
	}
}

func (l *UpstreamLimits) read(o *object) {
	scalar(o, "sessions_per_mailbox", &l.SessionsPerMailbox, count(0))
	scalar(o, "dials_per_second", &l.DialsPerSecond, count(0))
	scalar(o, "queue", &l.Queue, duration)
}

func (g *Guesses) read(o *object) {
	scalar(o, "count", &g.Count, count(1))
	scalar(o, "per", &g.Per, someTime)
}

func upstreamVersion(text string) (string, *mistake) {
	switch text {
	case "1.2", "1.3":
		return text, nil
	case "1.0", "1.1", "ssl3", "ssl2":
		return "", wrong("write 1.2 or 1.3", "nothing lower than TLS 1.2 exists towards an upstream")
	}
	return "", wrong("write 1.2 or 1.3", "%s is no TLS version", quoted(text))
}

// warnOfPort tells a port whose custom is the other way to begin TLS.
func (o *object) warnOfPort(key, address, mode string) {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case mode == "starttls" && (port == "993" || port == "995"):
		o.warnIn(key, wrong("if the login fails, write tls: implicit",
			"port %s is the one for implicit TLS, and tls is starttls", port))
	case mode == "implicit" && (port == "143" || port == "110"):
		o.warnIn(key, wrong("if the connection fails, write tls: starttls",
			"port %s is the one for STARTTLS, and tls is implicit", port))
	}
}

// readCA reads the key ca: the path of roots in PEM, and proves that the file holds at least one certificate.
func (o *object) readCA(path *string, text *[]byte) {
	scalar(o, "ca", path, maybe(o.d.path))
	if *path == "" {
		return
	}
	data, ok := o.file("ca", *path)
	if !ok {
		return
	}
	if _, err := pemfile.Certificates(data); err != nil {
		o.faultIn("ca", ofError(err))
		return
	}
	*text = data
}

// file reads the file that a key names, and tells at the key why it cannot be read.
func (o *object) file(key, path string) (data []byte, ok bool) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		o.faultIn(key, ofError(err))
	}
	return data, err == nil
}

// ofError makes the mistake of an error whose text is "what is wrong; what to do"; nil of none.
func ofError(err error) *mistake {
	if err == nil {
		return nil
	}
	problem, mend, _ := strings.Cut(err.Error(), "; ")
	return &mistake{problem: problem, mend: mend}
}
