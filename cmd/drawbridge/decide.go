package main

import (
	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/upstreams"
)

// openDecider makes all that decides about a login.
func (b *bridge) openDecider() (err error) {
	checker := accounts.NewChecker(accounts.CheckerOptions{Shared: b.failures.IsShared})
	b.unknown, b.keeper = accounts.NewUnknown(), newKeeper(b.cfg)
	if err := b.keeper.Serve(checker, b.unknown); err != nil {
		return err
	}
	vault, err := upstreams.OpenVault(b.cfg, b.data.path)
	if err != nil {
		return err
	}
	if b.services, err = upstreams.New(b.cfg.Upstreams, upstreams.Options{Vault: vault, Shared: b.failures.IsShared}); err != nil {
		return err
	}
	b.decider, err = decider.New(decider.Options{Config: b.cfg, Upstreams: b.services, Book: b.keeper, Failures: b.failures,
		Verified: b.verified, Stage: b.ledger.Stage})
	return err
}

// accountOf makes an account of one of the configuration.
func accountOf(a config.Account) accounts.Account {
	out := accounts.Account{Login: a.Login, Aliases: a.Aliases, Mailbox: a.Mailbox, Sources: a.Sources, Protocols: a.Protocols,
		Expires: a.Expires, Disabled: a.Disabled, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox}
	for _, p := range a.Hashes() {
		out.Passwords = append(out.Passwords, accounts.Password{Name: p.Name, Hash: p.Hash.Reveal()})
	}
	return out
}
