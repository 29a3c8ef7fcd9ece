package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"drawbridge/config"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/limits"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

// protocols are the mail protocols that devices can speak.
var protocols = map[string]login.Dialect{
	"imap": imaplogin.Dialect(),
	"pop3": pop3login.Dialect(),
}

// greetings stand behind the protocol's own greeting words.
var greetings = map[string]login.Greeting{
	"imap": "Drawbridge IMAP4 service is ready.",
	"pop3": "Drawbridge POP3 service is ready.",
}

// tlsVersions are the versions of the configuration.
var tlsVersions = map[string]uint16{
	"1.0": tls.VersionTLS10,
	"1.1": tls.VersionTLS11,
	"1.2": tls.VersionTLS12,
	"1.3": tls.VersionTLS13,
}

// sharedHellos is how many hellos are kept to be shared by sessions: more than a fleet has kinds of device.
const sharedHellos = 2048

// openServer opens every listener's address, or none.
func (b *bridge) openServer() error {
	if err := b.openDecider(); err != nil {
		return err
	}
	b.flood = inventory.NewFlood(b.recorders, func(line inventory.FloodLine) {
		b.logs.Records.Flood(line)
		b.ledger.Journal.Flood(line)
	})
	b.flood.Instance = b.of
	b.server = &proxy.Server{
		Name:     b.of.Bridge,
		Run:      b.of.Run,
		Decider:  b.decider,
		Recorder: inventory.Recorders{&b.gateways, b.flood, b.identity, &b.watch},
		Identify: b.identity.Identify,
		Banned:   b.failures.Banned,
		Shared:   b.failures.IsShared,
		Hellos:   inventory.NewHellos(sharedHellos),
		Logger:   b.logs.Events,
	}
	for _, l := range b.cfg.Listeners {
		opened, err := b.openListener(l)
		if err != nil {
			return err
		}
		b.server.Listeners = append(b.server.Listeners, opened)
	}
	return nil
}

func (b *bridge) openListener(l config.Listener) (*proxy.Listener, error) {
	address, err := net.Listen("tcp", l.Address)
	if err != nil {
		return nil, listenError(l, err)
	}
	slots := limits.NewSlots(l.Limits.Handshakes)
	return &proxy.Listener{
		Name:             l.Name,
		Protocol:         l.Protocol,
		StartTLS:         l.TLS == "starttls",
		Net:              address,
		Allow:            l.Allow,
		Balancers:        l.ProxyProtocol,
		Terminate:        devicetls.NewStandardTerminator(b.profile(l)),
		Dialect:          protocols[l.Protocol],
		Greeting:         greetings[l.Protocol],
		RecordSize:       l.RecordSize,
		Sessions:         limits.NewSessions(l.Name, l.Limits.Sessions, l.Limits.SessionsPerSource, b.failures.IsShared),
		Slots:            slots,
		HandshakeTimeout: l.Limits.HandshakeTimeout,
		LoginTimeout:     l.Limits.LoginTimeout,
		IdleTimeout:      l.Limits.IdleTimeout,
		BadCommands:      l.Limits.BadCommands,
	}, nil
}

func listenError(l config.Listener, err error) error {
	what := fmt.Errorf("open the address %s of listener %s: %w", l.Address, l.Name, err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program has it, stop that or change listeners[].address", what)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: a port below 1024 takes the capability CAP_NET_BIND_SERVICE, or choose a higher one", what)
	}
	return what
}

func (b *bridge) profile(l config.Listener) devicetls.Profile {
	p := devicetls.Profile{Protocol: l.Protocol, MinVersion: tlsVersions[l.MinVersion], Certificate: b.certs.GetCertificate}
	switch l.Ciphers.Mode {
	case "legacy":
		p.Suites = devicetls.LegacySuites()
	case "modern":
		p.Suites = devicetls.ModernSuites()
	default:
		p.Suites = l.Ciphers.Suites
	}
	return p
}

// proveListeners completes a handshake with each listener's own profile and certificate at its lowest version. Go's FIPS
// mode, for one, filters legacy versions and suites out without a word.
func (b *bridge) proveListeners() error {
	for _, l := range b.cfg.Listeners {
		if err := proveProfile(b.profile(l)); err != nil {
			return fmt.Errorf("listener %s cannot complete a handshake with TLS %s (min_version) and its own certificate: %w; "+
				"look at listeners[].ciphers and certificates, and at GODEBUG and GOFIPS140 in the environment", l.Name, l.MinVersion, err)
		}
	}
	return nil
}

// proofTimeout bounds a handshake with ourselves.
const proofTimeout = 10 * time.Second

func proveProfile(p devicetls.Profile) error {
	device, bridge := net.Pipe()
	defer func() { _ = device.Close() }()
	_ = device.SetDeadline(time.Now().Add(proofTimeout))
	_ = bridge.SetDeadline(time.Now().Add(proofTimeout))
	served := make(chan error, 1)
	go func() {
		defer func() { _ = bridge.Close() }()
		served <- devicetls.SelfTest(p, bridge)
	}()
	c := tls.Client(device, &tls.Config{
		MinVersion:         p.MinVersion,
		MaxVersion:         p.MinVersion,
		CipherSuites:       p.Suites,
		InsecureSkipVerify: true, //nolint:gosec // the certificate may be of any name and root; what counts is that both sides finish
	})
	err := c.Handshake()
	_ = device.Close()
	if ours := <-served; ours != nil {
		return ours // it says more than the device's view of it
	}
	return err
}
