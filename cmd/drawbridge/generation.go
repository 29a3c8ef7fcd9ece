package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/migration"
	"drawbridge/internal/notices"
	"drawbridge/internal/reminder"
	"drawbridge/internal/upstreams"
	"drawbridge/internal/web"
	"drawbridge/proxy"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/limits"
)

// generation is what one configuration makes of a bridge. It is built whole beside the one that holds, and starts nothing
// until it is swapped in; then it is changed no more.
type generation struct {
	cfg      *config.Config
	certs    *certs.Source
	services upstreams.Set
	keeper   *accounts.Keeper
	engines  map[string]devicetls.Engine // by listener
	proxy    proxy.Generation
	rules    migration.Rules // those that proxy's Decider decides by
	admin    adminParts
	notices  []notices.Channel
}

// adminParts are what the admin address proves itself with, and what it answers.
type adminParts struct {
	certs   *certs.Source // nil: no TLS
	verify  func(ctx context.Context, password string) bool
	handler http.Handler
}

// build makes the generation of a configuration. before is the one that holds, whose tokens and ticket keys go on where their
// settings did not change; nil at first. Where it fails, nothing has changed.
func (b *bridge) build(cfg *config.Config, before *generation) (*generation, error) {
	g := &generation{cfg: cfg}
	if before == nil {
		before = &generation{}
	}
	for _, part := range []func(*generation, *generation) error{b.buildCerts, b.buildDecider, b.buildListeners, b.buildAdmin,
		b.buildNotices} {
		if err := part(g, before); err != nil {
			g.services.Retire(before.services)
			return nil, err
		}
	}
	return g, nil
}

func (b *bridge) buildCerts(g, _ *generation) (err error) {
	g.certs, err = openCertificates(context.Background(), g.cfg, b.data.file(certificates), b.logs.Events)
	return err
}

// buildDecider makes all that decides about a login.
func (b *bridge) buildDecider(g, before *generation) error {
	g.keeper = newKeeper(g.cfg)
	if err := g.keeper.Serve(b.checker, b.unknown); err != nil {
		return err
	}
	vault, err := upstreams.OpenVault(g.cfg, b.data.path)
	if err != nil {
		return err
	}
	g.services, err = upstreams.New(g.cfg.Upstreams, upstreams.Options{Vault: vault, Counts: b.counts, Before: before.services})
	if err != nil {
		return err
	}
	d, err := decider.New(decider.Options{Config: g.cfg, Upstreams: g.services, Book: g.keeper, Failures: b.failures,
		Verified: b.verified, Plans: b.ledger.Plans})
	if err != nil {
		return err
	}
	g.proxy.Decider, g.rules = d, migration.Rules{Table: d.Table(), Known: d.Known()}
	return nil
}

// buildListeners makes how devices are served, and proves that each listener completes a handshake.
func (b *bridge) buildListeners(g, before *generation) error {
	g.engines = make(map[string]devicetls.Engine)
	for _, l := range g.cfg.Listeners {
		p := g.profile(l)
		g.engines[l.Name] = devicetls.NewStandard(p, before.engines[l.Name])
		g.proxy.Listeners = append(g.proxy.Listeners, b.listener(l, devicetls.NewTerminator(p, g.engines[l.Name])))
		if err := testProfile(p); err != nil {
			return fmt.Errorf("listener %s cannot complete a handshake with TLS %s (min_version) and its own certificate: %w; "+
				"look at listeners[].ciphers and certificates, and at GODEBUG and GOFIPS140 in the environment", l.Name, l.MinVersion, err)
		}
	}
	return nil
}

func (b *bridge) buildAdmin(g, _ *generation) (err error) {
	cfg := g.cfg.Admin
	if cfg.Address == "" {
		return nil
	}
	if !cfg.Password.Empty() {
		if g.admin.verify, err = web.Argon2id(cfg.Password); err != nil {
			return err
		}
	}
	if cfg.Certificate != nil {
		if g.admin.certs, err = b.adminCertificate(cfg); err != nil {
			return fmt.Errorf("admin.certificate: %w", err)
		}
	}
	g.admin.handler = b.dashboard(g)
	return nil
}

func (b *bridge) buildNotices(g, _ *generation) (err error) {
	g.notices, err = notices.Channels(g.cfg.Notices, os.LookupEnv)
	return err
}

// swap makes a generation hold: sessions that begin from now on are its own. Counts go on under its bounds.
func (b *bridge) swap(g *generation) {
	for _, l := range g.cfg.Listeners {
		b.counts.Sessions(l.Name).SetBounds(l.Limits.Sessions, l.Limits.SessionsPerSource)
		b.counts.Slots(l.Name).SetBound(l.Limits.Handshakes)
	}
	guesses := make([]guard.GuessOptions, len(g.cfg.Upstreams))
	for i, u := range g.cfg.Upstreams { // where a password is checked here, an attempt names no upstream
		b.counts.Turns(u.Name).SetBounds(limits.TurnOptions{SessionsPerMailbox: u.Limits.SessionsPerMailbox,
			DialsPerSecond: u.Limits.DialsPerSecond, Queue: u.Limits.Queue})
		guesses[i] = guard.GuessOptions{Upstream: u.Name, Count: u.Guesses.Count, Per: u.Guesses.Per, Verified: b.verified}
	}
	b.failures.Protect(guesses)
	b.notices.Use(notices.Settings{Config: g.cfg.Notices, Zone: g.cfg.Timezone, Channels: g.notices})
	b.server.Swap(&g.proxy)
	if before := b.generation.Swap(g); before != nil {
		before.services.Retire(g.services)
	}
}

// holds is the generation that holds now.
func (b *bridge) holds() *generation { return b.generation.Load() }

// cfg is the configuration that holds now.
func (b *bridge) cfg() *config.Config { return b.holds().cfg }

// runGeneration does what a generation does in the background, until ctx ends.
func (b *bridge) runGeneration(ctx context.Context, g *generation, parts *sync.WaitGroup) {
	parts.Go(func() { b.logEnd("certificates", g.certs.Run(ctx)) })
	parts.Go(func() { reminder.Run(ctx, g.cfg.Upstreams, b.logs.Events) })
	if g.admin.certs != nil {
		parts.Go(func() { b.logEnd("the certificate of admin.address", g.admin.certs.Run(ctx)) })
	}
}
