package main

import (
	"go.uber.org/zap"

	"drawbridge/config"
	"drawbridge/internal/enrich"
	"drawbridge/inventory/ledger"
)

// newIdentifier makes the identifier of a configuration; it learns while Run runs.
func newIdentifier(cfg *config.Config, l *ledger.Ledger, log *zap.Logger) (*enrich.Identifier, error) {
	return enrich.NewIdentifier(enrich.Options{
		ReverseDNS: cfg.Inventory.Enrich.ReverseDNS, MACAddress: cfg.Inventory.Enrich.MACAddress,
		SNMP: snmpOptions(cfg.Inventory.Enrich.SNMP),
		Warn: func(err error) { log.Warn("what the network tells of devices is incomplete", zap.Error(err)) },
	}, cfg.Inventory.IdentifyBy == config.IdentifyByMAC, l.Learn)
}

// snmpOptions are the configuration's.
func snmpOptions(s *config.SNMP) *enrich.SNMP {
	if s == nil {
		return nil
	}
	o := &enrich.SNMP{Version: "v" + s.Version, Community: s.Community, User: s.User, Prefixes: s.Sources}
	if s.Auth != nil {
		o.Auth, o.AuthPassword = s.Auth.Protocol, s.Auth.Password
	}
	if s.Privacy != nil {
		o.Privacy, o.PrivacyPassword = s.Privacy.Protocol, s.Privacy.Password
	}
	return o
}
