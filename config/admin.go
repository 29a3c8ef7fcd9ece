package config

import (
	"net"
	"net/netip"

	"drawbridge/internal/secret"
)

// Admin is the address for people and monitors, not for devices.
type Admin struct {
	// Where the dashboard, its API, /healthz and /readyz answer; "" switches all of them off. Off loopback it
	// needs password and certificate.
	Address string `yaml:"address"`

	// Host names it answers to besides loopback's; others get 421, against DNS rebinding.
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
	scalar(o, "address", &a.Address, adminAddress)
	list(o, "names", &a.Names, host)
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

// adminAddress reads an address, or nothing. Whether it may be off loopback, check tells.
func adminAddress(text string) (string, *mistake) {
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
	host, port, _ := net.SplitHostPort(a.Address)
	if isLoopback(host) {
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
