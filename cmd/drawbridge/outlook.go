package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"drawbridge/config"
	"drawbridge/internal/migration"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
)

// withOutlook are devices, all of an inventory, with what the rules of cfg make of each now and next. Where it has no rules they stay
// as they are; where it is not known which logins are listed too, which w is told.
func withOutlook(cfg *config.Config, devices iter.Seq[inventory.Device], w io.Writer) iter.Seq[inventory.Device] {
	if len(cfg.Rules) == 0 {
		return devices
	}
	rules, err := rulesOf(cfg)
	if err != nil {
		_, _ = fmt.Fprintf(w, "What the rules have planned is not told: %v\n", terminal.OneLine(err))
		return devices
	}
	plans := make(migration.Plans)
	for d := range devices {
		plans.Add(&d)
	}
	rules.Known.Plans = plans.Of
	now := time.Now()
	return func(yield func(inventory.Device) bool) {
		for d := range devices {
			outlook(rules.Rules, &d, now)
			if !yield(d) {
				return
			}
		}
	}
}

// outlook fills in what the rules make of a device; strangers have no stage.
func outlook(rules migration.Rules, d *inventory.Device, now time.Time) {
	if d.Account != inventory.Stranger {
		d.Outlook = rules.Outlook(d, now)
	}
}

// ruledReader is an inventory whose devices have their outlook by the rules.
type ruledReader struct {
	inventory.Reader
	rules migration.Rules
}

// Devices implements inventory.Reader.
func (p ruledReader) Devices(ctx context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	devices, total, err := p.Reader.Devices(ctx, q)
	now := time.Now()
	for i := range devices {
		outlook(p.rules, &devices[i], now)
	}
	return devices, total, err
}

// EachDevice implements inventory.Reader.
func (p ruledReader) EachDevice(ctx context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	now := time.Now()
	return p.Reader.EachDevice(ctx, q, func(d *inventory.Device) error {
		outlook(p.rules, d, now)
		return do(d)
	})
}

// Device implements inventory.Reader.
func (p ruledReader) Device(ctx context.Context, id string) (inventory.Device, error) {
	d, err := p.Reader.Device(ctx, id)
	if err == nil {
		outlook(p.rules, &d, time.Now())
	}
	return d, err
}
