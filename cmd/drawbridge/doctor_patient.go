package main

import (
	"context"
	"slices"
	"sync"

	"drawbridge/config"
	"drawbridge/internal/upstreams"
)

// examineAll examines the upstreams one after another; with some, only those that a target leads to.
func examineAll(ctx context.Context, cfg *config.Config, targets []*target, some bool) (diagnosis, error) {
	vault, err := upstreams.OpenVault(cfg, cfg.DataDir)
	if err != nil {
		return diagnosis{}, err
	}
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{Vault: vault})
	if err != nil {
		return diagnosis{}, err
	}
	defer services.Retire(nil)
	var checks []check
	for _, u := range cfg.Upstreams {
		p := &patient{config: u, parts: services[u.Name]}
		for _, t := range targets {
			if len(t.protocols[u.Name]) > 0 {
				p.targets = append(p.targets, t)
			}
		}
		if some && len(p.targets) == 0 {
			continue
		}
		checks = append(checks, p.examine(ctx)...)
	}
	return newDiagnosis(checks), nil
}

// patient is an upstream under examination.
type patient struct {
	config  config.Upstream
	parts   *upstreams.Upstream
	targets []*target
	links   map[string]*link
}

// protocols are those that the upstream has an address for.
func (p *patient) protocols() []string {
	return slices.DeleteFunc([]string{"imap", "pop3"}, func(protocol string) bool { return !p.config.Serves(protocol) })
}

func (p *patient) examine(ctx context.Context) []check {
	p.links = map[string]*link{}
	var checks []check
	for _, protocol := range p.protocols() {
		l := &link{upstream: p.parts, protocol: protocol}
		l.examine(ctx)
		p.links[protocol] = l
		checks = append(checks, l.checks...)
	}
	switch {
	case p.parts.Tokens == nil:
		return checks
	case p.parts.EntraChecks():
		return append(checks, check{Upstream: p.config.Name, Step: stepAccounts, Finding: findWarn, Detail: "not tried",
			Cause: "with flow password only a device's own password gets a token: run drawbridge try --account NAME"})
	}
	return append(checks, p.examineMailboxes(ctx)...)
}

// perUser reports whether each mailbox has a token of its own.
func (p *patient) perUser() bool { return p.config.OAuth2.Flow == config.FlowDeviceCode }

func (p *patient) examineMailboxes(ctx context.Context) []check {
	var checks []check
	shared := &tokenCheckup{config: p.config}
	if !p.perUser() {
		shared.examine(ctx, p.parts.Tokens, "", p.protocols())
		checks = append(checks, shared.checks...)
	}
	var visits []*visit
	for _, t := range p.targets {
		token := shared
		if p.perUser() {
			token = &tokenCheckup{config: p.config, mailbox: t.mailbox}
			token.examine(ctx, p.parts.Tokens, t.mailbox, p.protocols())
		}
		for _, protocol := range t.protocols[p.config.Name] {
			if l := p.links[protocol]; l != nil {
				visits = append(visits, &visit{mailbox: t.mailbox, protocol: protocol, link: l, token: token})
			}
		}
	}
	if len(visits) == 0 {
		return append(checks, check{Upstream: p.config.Name, Step: stepAccounts, Finding: findWarn, Detail: "none",
			Cause: "no account opens a mailbox here, so no login could be tried: add one with drawbridge account add"})
	}
	tryAll(ctx, visits)
	return append(checks, p.results(visits)...)
}

// results are the checks of all visits, each user's token before its mailbox.
func (p *patient) results(visits []*visit) []check {
	var checks []check
	var last *tokenCheckup
	for _, v := range visits {
		if p.perUser() && v.token != last {
			checks = append(checks, v.token.checks...)
			last = v.token
		}
		checks = append(checks, v.results(visits)...)
	}
	return checks
}

// maxVisits are tried at once: one could take an hour with a fleet, many would make Exchange throttle.
const maxVisits = 8

func tryAll(ctx context.Context, visits []*visit) {
	var group sync.WaitGroup
	slots := make(chan struct{}, maxVisits)
	for _, v := range visits {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			v.try(ctx)
		})
	}
	group.Wait()
}
