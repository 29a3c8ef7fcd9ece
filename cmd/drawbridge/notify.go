package main

import (
	"context"
	"fmt"
	"time"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/notices"
	"drawbridge/inventory"
)

// openNotices opens what tells people of what they should know.
func (b *bridge) openNotices(*config.Config) (err error) {
	b.notices, err = notices.Open(notices.Options{Path: b.data.file(noticesFile), Bridge: b.of.Bridge, Sources: b.noticeSources(),
		Record: b.logs.Records.Notice, Log: b.logs.Events})
	return err
}

// noticeSources are what notices are made of.
func (b *bridge) noticeSources() notices.Sources {
	return notices.Sources{
		Inventory:    b.ledger.Current(),
		Behind:       b.ledger.Behind,
		Down:         b.downUpstreams,
		Certificates: func() []notices.Certificate { return b.endingCertificates(time.Now()) },
		Secrets:      b.clientSecrets,
		Ahead:        b.stagesAhead,
	}
}

// stagesAhead are the changes of stage and upstream that the rules of the generation that holds have planned, but for those that a
// schedule makes again and again.
func (b *bridge) stagesAhead(ctx context.Context, from, to time.Time) ([]notices.StageChange, error) {
	owners := make(map[string]string)
	var failed error
	devices := eachOf(ctx, b.ledger.Current(), inventory.Query{}, &failed)
	steps := b.holds().rules.Ahead(func(yield func(inventory.Device) bool) {
		for d := range devices {
			owners[d.ID] = d.Owner
			if !yield(d) {
				return
			}
		}
	}, from, to)
	var changes []notices.StageChange
	for _, s := range steps {
		if s.Hourly {
			continue
		}
		change := notices.StageChange{Device: s.Device, Owner: owners[s.Device], At: s.At, Stage: s.Stage, Rule: s.Rule}
		if s.Moves {
			change.Upstream = s.Upstream
		}
		changes = append(changes, change)
	}
	return changes, failed
}

func (b *bridge) downUpstreams(now time.Time) []notices.Down {
	var all []notices.Down
	for _, u := range b.cfg().Upstreams {
		if since, reason, down := b.watch.Down(u.Name, now); down {
			all = append(all, notices.Down{Upstream: u.Name, Since: since, Reason: reason})
		}
	}
	return all
}

func (b *bridge) clientSecrets() []notices.Secret {
	var all []notices.Secret
	for _, u := range b.cfg().Upstreams {
		if u.OAuth2 != nil && !u.OAuth2.ClientSecretExpires.IsZero() {
			all = append(all, notices.Secret{Upstream: u.Name, Ends: u.OAuth2.ClientSecretExpires})
		}
	}
	return all
}

// endingCertificates are the certificates of the listeners and of the admin address that nobody renews, or that were not renewed
// though they should have been: some live but days.
func (b *bridge) endingCertificates(now time.Time) []notices.Certificate {
	var all []notices.Certificate
	add := func(name string, c certs.Facts) {
		late := c.Renewal.Add(c.NotAfter.Sub(c.Renewal) / 2)
		if !c.NotAfter.IsZero() && (c.Renewal.IsZero() || now.After(late)) {
			all = append(all, notices.Certificate{Name: name, Ends: c.NotAfter})
		}
	}
	g := b.holds()
	for i, c := range g.certs.List() {
		add(fmt.Sprintf("certificates[%d]", i), c)
	}
	if g.admin.certs != nil {
		for _, c := range g.admin.certs.List() {
			add("admin.certificate", c)
		}
	}
	return all
}
