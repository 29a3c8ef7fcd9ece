package config

import (
	"net"
	"net/netip"
	"strings"

	"drawbridge/internal/secret"
)

// Admin is the address for people and monitors, not for devices.
type Admin struct {
	// Where the dashboard, its API, /healthz and /readyz answer; "" switches all of them off. Off loopback it
	// needs password and certificate. unix:PATH is a socket that only the user who runs the bridge can open.
	Address string `yaml:"address"`

	// Host names it answers to besides loopback's; others get 421, against DNS rebinding, except at /healthz and /readyz.
	Names []string `yaml:"names"`

	// The argon2id hash of the password that changes something there, as a value, {file: PATH} or {env: NAME}. With it
	// nothing but health is shown without it; without it everything is shown and nothing can be changed.
	Password secret.Secret `yaml:"password,omitempty"`

	// What the address proves itself with: local_ca (a certificate of the bridge's own CA) or {file: {certificate: PATH,
	// key: PATH}}. With it the address speaks TLS alone; without it HTTP.
	// In Go: LocalCA, whose names are empty, or File; nil without the key.
	Certificate *Certificate `yaml:"certificate,omitempty"`
}

const makeAdminHash = "make an argon2id hash with: drawbridge account hash"

func (a *Admin) read(o *object) {
	scalar(o, "address", &a.Address, o.d.adminAddress)
	list(o, "names", &a.Names, func(text string) (string, *mistake) { return host(HostForm(text)) })
	o.use("password", func(v value) { v.hash(&a.Password, makeAdminHash) })
	scalarOr(o, "certificate", &a.Certificate, adminCertificate, func(o *object) {
		o.required("file", "{certificate: PATH, key: PATH}, or certificate: local_ca")
		o.group("file", func(o *object) {
			a.Certificate = &Certificate{File: &CertificateFile{}}
			a.Certificate.File.read(o)
		})
	})
	a.check(o)
}

// adminCertificate reads the word local_ca.
func adminCertificate(text string) (*Certificate, *mistake) {
	if text != "local_ca" {
		return nil, wrong("write local_ca or {file: {certificate: PATH, key: PATH}}", "%s is not a value of this key", quoted(text))
	}
	return &Certificate{LocalCA: defaultLocalCA()}, nil
}

const unixSocket = "unix:"

// maxSocketPath is how long the path of a Unix socket may be (sun_path of unix(7)), its ending NUL not counted.
const maxSocketPath = 107

// Socket returns where the address is, as net.Listen wants it: "tcp" or "unix", and an address or a path. It is for an Address
// that is not "".
func (a *Admin) Socket() (network, address string) {
	if path, ok := strings.CutPrefix(a.Address, unixSocket); ok {
		return "unix", path
	}
	return "tcp", a.Address
}

// Open tells whether every user of the machine may read what is shown there.
func (a *Admin) Open() bool {
	network, _ := a.Socket()
	return a.Address != "" && network == "tcp" && a.Password.Reveal() == ""
}

// HostForm returns a host name or an address in the one form in which they are compared: small letters, without a dot at
// its end, an IPv6 address short and without brackets, one that stands for an IPv4 address as that.
func HostForm(host string) string {
	host = strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return host
}

// adminAddress reads an address, a socket's path, or nothing. Whether it may be off loopback, check tells.
func (d *decoder) adminAddress(text string) (string, *mistake) {
	if path, ok := strings.CutPrefix(text, unixSocket); ok {
		path, m := d.path(path)
		if m != nil || len(path) > maxSocketPath {
			return "", wrong("write "+unixSocket+" and a path of at most 107 bytes, such as unix:/run/drawbridge/admin.sock",
				"%s is no path of a socket", quoted(text))
		}
		return unixSocket + path, nil
	}
	address, m := maybe(listenAddress)(text)
	if m != nil {
		return "", wrong(`write host:port, such as "127.0.0.1:8025"`, "%s", m.problem)
	}
	return address, nil
}

// check refuses an address off loopback without password or TLS. A key that was refused has a fault of its own.
func (a *Admin) check(o *object) {
	if a.Address == "" {
		if a.Password.Reveal() != "" {
			o.d.warnIn("admin.password", wrong("write an address, or delete it", `nobody is asked for it: admin.address is ""`))
		}
		return
	}
	network, address := a.Socket()
	host, port, _ := net.SplitHostPort(address)
	if network == "unix" || isLoopback(host) {
		return
	}
	password, certificate := o.given("password"), o.given("certificate")
	var mend, missing string
	switch {
	case !password && !certificate:
		mend, missing = "certificate: local_ca and password:, and "+makeAdminHash, "admin.password and admin.certificate are"
	case !password:
		mend, missing = "password:, and "+makeAdminHash, "admin.password is"
	case !certificate:
		mend, missing = "certificate: local_ca", "admin.certificate is"
	case !o.given("names"):
		o.d.warnIn("admin.address", wrong("write names: and those that people use, such as [bridge.contoso.local]",
			"%s is not on loopback, and without admin.names no other host name or address than loopback's is answered", quoted(a.Address)))
	}
	if missing != "" {
		o.d.faultIn("admin.address", wrong("write 127.0.0.1:"+port+", or "+mend,
			"%s is not on loopback, where a password and TLS are needed, and %s missing", quoted(a.Address), missing))
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
