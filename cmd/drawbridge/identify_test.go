package main

import (
	"net"
	"net/netip"
	"testing"

	"drawbridge/internal/enrich"
	"drawbridge/inventory"
)

// neighbourOf is an identifier to which the neighbour table is what neighbours holds.
func neighbourOf(byMAC bool, neighbours *[]enrich.Neighbour) *identifier {
	i := &identifier{byMAC: byMAC, news: make(chan inventory.Change, maxNews), devices: make(map[netip.Addr]map[string]bool)}
	i.enricher = enrich.New(enrich.Options{MACAddress: true, Neighbours: func() ([]enrich.Neighbour, error) { return *neighbours, nil }})
	return i
}

func TestIdentify_DeviceKeepsItsIDFromLoginToEnd(t *testing.T) {
	mac, err := net.ParseMAC("00:00:48:01:02:03")
	must(t, err)
	address := netip.MustParseAddr("10.20.3.7")
	table := []enrich.Neighbour{{Addr: address, MAC: mac}}
	known := neighbourOf(true, &table)
	s := &inventory.Session{Source: inventory.Source{IP: address}}
	known.identify(s)
	s.Account = "scanner1"
	if s.Device() != "00:00:48:01:02:03/scanner1" || s.Source.Vendor == "" {
		t.Errorf("device %s, vendor %q; want it by its MAC address", s.Device(), s.Source.Vendor)
	}

	var none []enrich.Neighbour
	late := neighbourOf(true, &none)
	s = &inventory.Session{Source: inventory.Source{IP: address}, Login: inventory.Login{Account: "scanner1"}}
	late.identify(s)
	none = table
	late.enricher = known.enricher // the table knows it by now
	late.identify(s)
	if s.Device() != "10.20.3.7/scanner1" {
		t.Errorf("device %s: its id changed while the session ran", s.Device())
	}

	plain := neighbourOf(false, &table)
	s = &inventory.Session{Source: inventory.Source{IP: address}, Login: inventory.Login{Account: "scanner1"}}
	plain.identify(s)
	if s.Device() != "10.20.3.7/scanner1" || s.Source.MAC != "00:00:48:01:02:03" {
		t.Errorf("device %s, MAC %q; want it by its address, and the MAC address told", s.Device(), s.Source.MAC)
	}
}

// TestIdentify_WhatIsLearnedLaterGoesToEachDeviceOfTheAddress and to no stranger's invention.
func TestIdentify_WhatIsLearnedLaterGoesToEachDeviceOfTheAddress(t *testing.T) {
	var none []enrich.Neighbour
	i := neighbourOf(false, &none)
	for _, account := range []string{"fax", "scan", "fax"} {
		i.Ended(&inventory.Session{Source: inventory.Source{IP: netip.MustParseAddr("10.0.0.1")}, Login: inventory.Login{Account: account}})
	}
	i.learned(netip.MustParseAddr("10.0.0.1"), enrich.KeyName, "printer.contoso.local")
	i.learned(netip.MustParseAddr("10.0.0.2"), enrich.KeyName, "another.contoso.local")
	i.learned(netip.MustParseAddr("10.0.0.1"), enrich.KeyName, "")
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
