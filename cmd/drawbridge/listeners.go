package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"drawbridge/config"
	"drawbridge/internal/protocol"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

// dialects are the mail protocols that devices can speak.
var dialects = map[string]login.Dialect{
	protocol.IMAP: imaplogin.Dialect(),
	protocol.POP3: pop3login.Dialect(),
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

// openServer makes the server, without a socket and without a generation yet.
func (b *bridge) openServer(*config.Config) error {
	b.flood = inventory.NewFlood(b.recorders, func(line inventory.FloodLine) {
		b.logs.Records.Flood(line)
		b.ledger.Journal.Flood(line)
	})
	b.flood.Instance = b.of
	b.server = &proxy.Server{
		Name:     b.of.Bridge,
		Run:      b.of.Run,
		Recorder: inventory.Recorders{&b.gateways, b.flood, b.identity, &b.watch, b.notices.Recorder()},
		Identify: b.identity.Identify,
		Banned:   b.failures.Banned,
		Shared:   b.failures.IsShared,
		Hellos:   inventory.NewHellos(sharedHellos),
		Logger:   b.logs.Events,
	}
	return nil
}

// openSockets opens every listener's address, or none stays open.
func (b *bridge) openSockets(cfg *config.Config) error {
	for _, l := range cfg.Listeners {
		socket, err := net.Listen("tcp", l.Address)
		if err != nil {
			return listenError(l, err)
		}
		b.server.Sockets = append(b.server.Sockets, proxy.Socket{Name: l.Name, Net: socket})
	}
	return nil
}

// addressOf is where a listener listens; nil where there is none of that name.
func (b *bridge) addressOf(listener string) net.Addr {
	for _, socket := range b.server.Sockets {
		if socket.Name == listener {
			return socket.Net.Addr()
		}
	}
	return nil
}

// listener is how the devices of a listener are served.
func (b *bridge) listener(l config.Listener, terminate devicetls.Terminator) *proxy.Listener {
	p, _ := protocol.Of(l.Protocol)
	return &proxy.Listener{
		Name:             l.Name,
		Protocol:         l.Protocol,
		StartTLS:         l.TLS == "starttls",
		Allow:            l.Allow,
		Balancers:        l.ProxyProtocol,
		Terminate:        terminate,
		Dialect:          dialects[l.Protocol],
		Greeting:         login.Greeting(p.Greeting),
		NoDeviceTokens:   !l.DeviceTokens,
		RecordSize:       l.RecordSize,
		Sessions:         b.counts.Sessions(l.Name),
		Slots:            b.counts.Slots(l.Name),
		HandshakeTimeout: l.Limits.HandshakeTimeout,
		LoginTimeout:     l.Limits.LoginTimeout,
		IdleTimeout:      l.Limits.IdleTimeout,
		BadCommands:      l.Limits.BadCommands,
	}
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

func (g *generation) profile(l config.Listener) devicetls.Profile {
	p := devicetls.Profile{Protocol: l.Protocol, MinVersion: tlsVersions[l.MinVersion], Certificate: g.certs.GetCertificate}
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

// testTimeout bounds a handshake with ourselves.
const testTimeout = 10 * time.Second

// testProfile completes a handshake with a listener's own profile and certificate at its lowest version. Go's FIPS mode, for
// one, filters legacy versions and suites out without a word.
func testProfile(p devicetls.Profile) error {
	device, bridge := net.Pipe()
	defer func() { _ = device.Close() }()
	_ = device.SetDeadline(time.Now().Add(testTimeout))
	_ = bridge.SetDeadline(time.Now().Add(testTimeout))
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
