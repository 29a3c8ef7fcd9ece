package protocol_test

import (
	"net"
	"reflect"
	"slices"
	"testing"

	"drawbridge/internal/protocol"
)

func TestProtocols_AreWholeAndFound(t *testing.T) {
	if got := protocol.Names(); !slices.Equal(got, []string{protocol.IMAP, protocol.POP3}) {
		t.Errorf("the names are %v", got)
	}
	for _, p := range protocol.All() {
		for field, value := range reflect.ValueOf(p).Fields() {
			if value.String() == "" {
				t.Errorf("%s has no %s", p.Name, field.Name)
			}
		}
		if _, port, err := net.SplitHostPort(p.ExchangeHost); err != nil || port != p.TLSPort {
			t.Errorf("%s: Exchange Online is at %s", p.Name, p.ExchangeHost)
		}
		byName, known := protocol.Of(p.Name)
		byPort, alike := protocol.OfPort(p.Port)
		byTLSPort, too := protocol.OfPort(p.TLSPort)
		if !known || !alike || !too || byName != p || byPort != p || byTLSPort != p {
			t.Errorf("%s is not found by its name and ports", p.Name)
		}
	}
	if _, known := protocol.Of("gopher"); known {
		t.Error("gopher is a mail protocol")
	}
	if _, known := protocol.OfPort("70"); known {
		t.Error("port 70 is a mail protocol's")
	}
}
