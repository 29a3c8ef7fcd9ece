// Package trial plays a mail device against the running bridge to show what that device would see: each step from the
// connection to the goodbye, and where one fails, what the device would tell its owner and what the administrator does.
//
// It speaks as much of IMAP (RFC 9051) and POP3 (RFC 1939) as it takes to read the first message's subject. It changes
// nothing in the mailbox.
package trial

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/secret"
)

// Device is a device to play and where it goes. It is not changed by playing it.
type Device struct {
	Listener config.Listener
	Address  string // the listener's, as it can be dialed from here
	CA       string // the file with the certificate of the bridge's local CA
	Profile  Profile
	Account  string // "" for a device that goes as far as the login
	Password secret.Secret
}

// New returns a device at the listener with that name; without a name it is the first. It goes as far as the login, unless
// an account is put into it.
func New(listeners []config.Listener, name string, p Profile) (*Device, error) {
	var names []string
	for _, l := range listeners {
		if name == "" || l.Name == name {
			address, err := dialable(l.Address)
			if err != nil {
				return nil, fmt.Errorf("the address of listener %s: %w", l.Name, err)
			}
			return &Device{Listener: l, Address: address, Profile: p}, nil
		}
		names = append(names, l.Name)
	}
	return nil, fmt.Errorf("the configuration has no listener %q: name one of %s with --listener", name, strings.Join(names, ", "))
}

// dialable is a listener's address as this machine calls it.
func dialable(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
