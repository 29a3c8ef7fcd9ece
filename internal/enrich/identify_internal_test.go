package enrich

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"drawbridge/inventory"
)

// neighbourOf is an Identifier to which the neighbour table is what neighbours holds.
func neighbourOf(t *testing.T, byMAC bool, neighbours *[]Neighbour) *Identifier {
	t.Helper()
	o := Options{MACAddress: true, Neighbours: func() ([]Neighbour, error) { return *neighbours, nil }}
	i, err := NewIdentifier(o, byMAC, func(context.Context, inventory.Change) {})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestIdentify_DeviceKeepsItsIDFromLoginToEnd(t *testing.T) {
	mac, err := net.ParseMAC("00:00:48:01:02:03")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("10.20.3.7")
	table := []Neighbour{{Addr: address, MAC: mac}}
	known := neighbourOf(t, true, &table)
	s := &inventory.Session{Source: inventory.Source{IP: address}}
	known.Identify(s)
	s.Account = "scanner1"
	if s.Device() != "00:00:48:01:02:03/scanner1" || s.Source.Vendor == "" {
		t.Errorf("device %s, vendor %q; want it by its MAC address", s.Device(), s.Source.Vendor)
	}

	var none []Neighbour
	late := neighbourOf(t, true, &none)
	s = &inventory.Session{Source: inventory.Source{IP: address}, Login: inventory.Login{Account: "scanner1"}}
	late.Identify(s)
	none = table
	late.enricher = known.enricher // the table knows it by now
	late.Identify(s)
	if s.Device() != "10.20.3.7/scanner1" {
		t.Errorf("device %s: its id changed while the session ran", s.Device())
	}

	plain := neighbourOf(t, false, &table)
	s = &inventory.Session{Source: inventory.Source{IP: address}, Login: inventory.Login{Account: "scanner1"}}
	plain.Identify(s)
	if s.Device() != "10.20.3.7/scanner1" || s.Source.MAC != "00:00:48:01:02:03" {
		t.Errorf("device %s, MAC %q; want it by its address, and the MAC address told", s.Device(), s.Source.MAC)
	}
}

// TestIdentify_WhatIsLearnedLaterGoesToEachDeviceOfTheAddress and to no stranger's invention.
func TestIdentify_WhatIsLearnedLaterGoesToEachDeviceOfTheAddress(t *testing.T) {
	var none []Neighbour
	i := neighbourOf(t, false, &none)
	for _, account := range []string{"fax", "scan", "fax"} {
		i.Ended(&inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.1")}, Login: inventory.Login{Account: account}})
	}
	i.learned(netip.MustParseAddr("10.0.0.1"), KeyName, "printer.contoso.local")
	i.learned(netip.MustParseAddr("10.0.0.2"), KeyName, "another.contoso.local")
	i.learned(netip.MustParseAddr("10.0.0.1"), KeyName, "")
	close(i.news)
	got := make(map[string]string)
	for c := range i.news {
		got[c.Device] = c.Key + " " + c.New + " by " + c.By
	}
	const want = "source_name printer.contoso.local by reverse DNS"
	if len(got) != 2 || got["10.0.0.1/fax"] != want || got["10.0.0.1/scan"] != want {
		t.Errorf("told %v", got)
	}
}
