package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/terminal"
	"drawbridge/proxy/policy"
)

// target is a mailbox that devices open.
type target struct {
	mailbox string
	// protocols are the ways in which devices reach it, by upstream.
	protocols map[string][]string
}

// doctorTargets are the mailboxes of all accounts, or of the one named, and where the rules lead them.
func doctorTargets(cfg *config.Config, account string) ([]*target, error) {
	list, err := allAccounts(cfg)
	if err != nil {
		return nil, err
	}
	table, err := newPolicy(cfg)
	if err != nil {
		return nil, err
	}
	byMailbox := map[string]*target{}
	var targets []*target
	for _, a := range list {
		for _, login := range loginsOf(a, account) {
			t := byMailbox[strings.ToLower(login.mailbox)]
			if t == nil {
				t = &target{mailbox: login.mailbox, protocols: map[string][]string{}}
				byMailbox[strings.ToLower(login.mailbox)] = t
				targets = append(targets, t)
			}
			t.lead(table, a, login.name)
		}
	}
	if account != "" && len(targets) == 0 {
		return nil, fmt.Errorf("no account has the name or mailbox %s, or it is disabled or has expired: see drawbridge account list", psQuote(account))
	}
	return targets, nil
}

// allAccounts are those of the configuration, and those that are kept in the data directory.
func allAccounts(cfg *config.Config) ([]accounts.Account, error) {
	var list []accounts.Account
	for _, a := range cfg.Accounts {
		list = append(list, accountOf(a))
	}
	store, err := accounts.OpenStore(filepath.Join(cfg.DataDir, accountsFolder))
	if err != nil {
		return nil, terminal.OneLine(err)
	}
	return append(list, store.List()...), nil
}

// doctorLogin is a name that a device logs in with, and the mailbox that it opens.
type doctorLogin struct{ name, mailbox string }

// loginsOf are the logins of an account, one for each mailbox; only those that fit wanted, unless that is empty.
func loginsOf(a accounts.Account, wanted string) []doctorLogin {
	if a.Disabled || !a.Expires.IsZero() && time.Now().After(a.Expires) {
		return nil
	}
	single := func(name string) bool { return !strings.ContainsAny(name, "*?") }
	var logins []doctorLogin
	if single(a.Login) {
		mailbox := a.Mailbox
		if mailbox == "" {
			mailbox = a.Login
		}
		logins = append(logins, doctorLogin{a.Login, mailbox})
	}
	for _, m := range a.Mailboxes {
		if single(m) {
			logins = append(logins, doctorLogin{m, m})
		}
	}
	return slices.DeleteFunc(logins, func(l doctorLogin) bool {
		fits := func(name string) bool { return strings.EqualFold(name, wanted) }
		return wanted != "" && !fits(l.name) && !fits(l.mailbox) && !fits(a.Login) && !slices.ContainsFunc(a.Aliases, fits)
	})
}

// lead notes where the rules lead a login, by each protocol that it may use.
func (t *target) lead(table *policy.Table, a accounts.Account, login string) {
	for _, protocol := range []string{"imap", "pop3"} {
		if len(a.Protocols) > 0 && !slices.Contains(a.Protocols, protocol) {
			continue
		}
		u := table.Decide(policy.Facts{Account: login, Protocol: protocol}).Upstream
		if !slices.Contains(t.protocols[u], protocol) {
			t.protocols[u] = append(t.protocols[u], protocol)
		}
	}
}
