package devicetls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"drawbridge/inventory"
)

// scripted is an engine that serves or refuses, and notes that it was asked.
type scripted struct {
	name    string
	refuses bool
	asked   *[]string
}

var errScripted = errors.New("scripted")

func (s scripted) Prepare(p Permitted) (Handshake, *TLSError) {
	*s.asked = append(*s.asked, s.name)
	if s.refuses {
		return nil, &TLSError{Sentence: s.name + " cannot", alert: AlertHandshakeFailure}
	}
	return func(context.Context, *Wire) (net.Conn, inventory.TLS, error) {
		return nil, inventory.TLS{Engine: s.name}, errScripted
	}, nil
}

func TestTerminator_RefusesOnlyAfterEveryEngineWasAsked(t *testing.T) {
	for _, c := range []struct {
		name           string
		first, second  bool // refuse
		engine, reason string
		asked          []string
	}{
		{"the first serves", false, false, "standard", "scripted", []string{"standard"}},
		{"the second serves", true, false, "legacy", "scripted", []string{"standard", "legacy"}},
		{"none serves", true, true, "", "standard cannot", []string{"standard", "legacy"}},
	} {
		var asked []string
		terminate := NewTerminator(legacyProfile(t), scripted{"standard", c.first, &asked}, scripted{"legacy", c.second, &asked})
		device, ours := net.Pipe()
		go func() { _, _ = device.Read(make([]byte, 7)) }() // the alert, where there is one
		_, info, err := terminate(t.Context(), NewWire(ours, inventorySource, nil), handHello{version: v10, suites: []uint16{rsaAES}}.parse(t))
		_ = device.Close()
		if err == nil || err.Error() != c.reason || info.Engine != c.engine || !slices.Equal(asked, c.asked) {
			t.Errorf("%s: got %v by %q after %v", c.name, err, info.Engine, asked)
		}
	}
}

func TestProfile_PermitsApartFromWhatAnEngineCanDo(t *testing.T) {
	p := legacyProfile(t)
	p.MinVersion = uint16(versionSSL3)
	h := handHello{version: v11, suites: []uint16{rsaAES, 0x0016, ecdheAES}}.parse(t) // 0x0016: DHE, which crypto/tls lacks
	p.Suites = append(p.Suites, 0x0016)
	got := p.permit(h)
	if want := []uint16{tls.VersionTLS11, tls.VersionTLS10, uint16(versionSSL3)}; !slices.Equal(got.Versions, want) {
		t.Errorf("versions are %x, want %x", got.Versions, want)
	}
	if want := []uint16{rsaAES, 0x0016, ecdheAES}; !slices.Equal(got.Suites, want) {
		t.Errorf("suites are %x, want %x", got.Suites, want)
	}
}
