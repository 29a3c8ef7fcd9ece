package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/sandbox"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// alikeAccounts are how many share the wrong passwords: an account closes to strangers after 30.
const alikeAccounts = 20

// alikeKinds are logins that must not be told apart. n counts up.
var alikeKinds = map[string]func(n int) (name, password string){
	"unknown name":                     func(n int) (string, string) { return fmt.Sprintf("nobody%d", n), scannerCode },
	"wrong password":                   func(n int) (string, string) { return alikeAccount("printer", n), fmt.Sprintf("wrong%d", n) },
	"wrong password, account blocked":  func(n int) (string, string) { return alikeAccount("blocked", n), fmt.Sprintf("wrong%d", n) },
	"right password, account disabled": func(n int) (string, string) { return alikeAccount("off", n), scannerCode },
}

func alikeAccount(kind string, n int) string { return fmt.Sprintf("%s%d", kind, n%alikeAccounts) }

// blockedAlone is an account that is blocked, and whose device knows its password.
const blockedAlone = "blocked-alone"

// contact is whom the devices of blocked accounts are told to ask.
const contact = "IT service desk, ext. 4711"

// blocking refuses accounts by stage, behind the check of the password, as a Decider must.
type blocking struct{ proxy.Decider }

// Decide implements proxy.Decider.
func (b blocking) Decide(ctx context.Context, now time.Time, s *inventory.Session, c login.Credentials) (proxy.Decision, error) {
	d, err := b.Decider.Decide(ctx, now, s, c)
	if err == nil && strings.HasPrefix(c.Account, "blocked") {
		err = &login.Refusal{Reason: login.Blocked, Text: contact, Err: fmt.Errorf("stage block")}
	}
	return d, err
}

// newAlikeWorld knows the accounts of alikeKinds, whose passwords cost memory KiB to check.
func newAlikeWorld(t *testing.T, memory uint32) *modernWorld {
	t.Helper()
	hash, err := accounts.Hash(secret.New(scannerCode), accounts.Parameters{Memory: memory, Time: 1, Threads: 1})
	must(t, err)
	list := fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q}\n", blockedAlone, scannerMailbox, hash)
	for n := range alikeAccounts {
		for _, kind := range []string{"printer", "blocked", "off"} {
			list += fmt.Sprintf("  - {login: %q, mailbox: %q, password: %q, disabled: %t}\n", alikeAccount(kind, n), scannerMailbox, hash,
				kind == "off")
		}
	}
	return newModernWorld(t, modernOptions{accounts: list, decider: func(d proxy.Decider) proxy.Decider { return blocking{d} }})
}

// TestModern_BlockedLoginsReadLikeWrongOnes has logins refused for reasons which a stranger must not learn: only who knows the password
// of a blocked account is told that it is blocked. That they take alike too is measured (TestMeasure_RefusedLoginsTakeAlike).
func TestModern_BlockedLoginsReadLikeWrongOnes(t *testing.T) {
	t.Parallel()
	w := newAlikeWorld(t, 64)
	var knocks []knock
	for n, protocol := range bothProtocols {
		for _, credentials := range alikeKinds {
			for i := range 3 {
				k := knock{protocol: protocol, source: fmt.Sprintf("127.7.1.%d", 1+len(knocks))}
				k.name, k.password = credentials(3*n + i)
				knocks = append(knocks, k)
			}
		}
	}
	for i, got := range w.storm(t, len(knocks), func(i int) knock { return knocks[i] }) {
		got.want(t, wrongPassword[knocks[i].protocol], inventory.OutcomeLoginFailed, inventory.PhaseDecide, "")
		if got.took < time.Second {
			t.Errorf("%s was refused after %v, want one second", knocks[i].name, got.took)
		}
	}
	for protocol, reads := range map[sandbox.Protocol]string{
		sandbox.IMAP: "NO [CONTACTADMIN] This device may no longer read mail here. " + contact,
		sandbox.POP3: "-ERR [SYS/PERM] This device may no longer read mail here. " + contact,
	} {
		got := w.try(t, knock{protocol: protocol, source: "127.7.0.1", name: blockedAlone, password: scannerCode})
		got.want(t, reads, inventory.OutcomeRefused, inventory.PhaseDecide, "stage block")
	}
}
