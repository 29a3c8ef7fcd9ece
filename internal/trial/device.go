// Package trial plays a mail device against the running bridge to show what that device would see: each step from the
// connection to the goodbye, and where one fails, what the device would tell its owner and what the administrator does.
//
// It speaks as much of IMAP (RFC 9051) and POP3 (RFC 1939) as it takes to read the first message's subject. It changes
// nothing in the mailbox.
package trial

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/secret"
	"drawbridge/internal/terminal"
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

// Step is one thing that the device did and what it saw. Text has no secret in it and can be printed.
type Step struct {
	Step         string `json:"step"`
	OK           bool   `json:"ok"`
	Milliseconds int64  `json:"ms"`
	Text         string `json:"text"`
}

// Report is what a played device came to. Its JSON is what `drawbridge try --json` prints.
type Report struct {
	Listener   string `json:"listener"`
	Address    string `json:"address"`
	Protocol   string `json:"protocol"`
	TLSMode    string `json:"tls_mode"`
	As         string `json:"as"`
	Account    string `json:"account,omitempty"`
	OK         bool   `json:"ok"`
	Steps      []Step `json:"steps"`
	FailedStep string `json:"failed_step,omitempty"`
	Shows      string `json:"device_shows,omitempty"`
	Mend       string `json:"what_to_do,omitempty"`
}

// Err says what to do about a device that failed, or is nil.
func (r *Report) Err() error {
	if r.OK {
		return nil
	}
	return fmt.Errorf("the device failed at its %s: %s", r.FailedStep, r.Mend)
}

// Play plays the device, within some minutes for each step or until ctx ends, and tells every step as it ends.
func (d *Device) Play(ctx context.Context, tell func(Step)) *Report {
	l := d.Listener
	r := &Report{Listener: l.Name, Address: d.Address, Protocol: l.Protocol, TLSMode: l.TLS, As: d.Profile.name, Account: d.Account}
	v := &visit{Device: d, step: func(s Step) {
		r.Steps = append(r.Steps, s)
		tell(s)
	}}
	f := v.run(ctx)
	r.OK = f == nil || f.step == "goodbye" // what was to be read was read before
	if f != nil {
		a := d.advise(*f)
		r.FailedStep, r.Shows, r.Mend = f.step, a.shows, a.mend
	}
	return r
}

// Show plays the device before people. What to do about a failure is left to the error, that of Report.Err.
func (d *Device) Show(ctx context.Context, p terminal.Printer) error {
	mode := "TLS from the first byte"
	if d.Listener.TLS == "starttls" {
		mode = "STARTTLS"
	}
	p.Line("%s", p.Paint(terminal.Bold, fmt.Sprintf("A device with %s at listener %s (%s, %s)", d.Profile.name, d.Listener.Name,
		strings.ToUpper(d.Listener.Protocol), mode)))
	r := d.Play(ctx, func(s Step) { s.show(p) })
	if r.Shows != "" {
		p.Line("The device would show: %s", r.Shows)
	}
	switch {
	case r.OK && r.Account != "":
		p.Line("The device reads its mail.")
	case r.OK:
		p.Line("The device gets as far as the login. With --account NAME it goes on.")
	}
	return r.Err()
}

func (s Step) show(p terminal.Printer) {
	mark := p.Paint(terminal.Green, "✓")
	if !s.OK {
		mark = p.Paint(terminal.Red, "✗")
	}
	p.Line("  %s %-12s %s  %s", mark, s.Step, p.Paint(terminal.Faint, fmt.Sprintf("%6d ms", s.Milliseconds)), s.Text)
}
