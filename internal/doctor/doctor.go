// Package doctor finds what stands between the bridge and the mailboxes that devices open.
//
// It walks every link as the bridge does, with the bridge's own dial and credentials, and for IMAP and POP3 apart: DNS, TCP,
// TLS and certificate, greeting, capabilities, the token and what it is for, the login with it, the mailbox. What fails it
// explains, with the step that mends it. It changes nothing in Entra ID or Exchange, and needs no running bridge.
//
// It follows RFC 9051 (IMAP, by go-imap's client), 1939 and 2449 (POP3), 5034 (its AUTH) and 7519 (tokens).
package doctor

import (
	"context"
	"slices"

	"github.com/emersion/go-sasl"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/internal/protocol"
	"drawbridge/proxy"
)

// Upstream is a mail service as it is configured, and the bridge's own way to it.
type Upstream struct {
	config.Upstream
	Service *proxy.Upstream
	Tokens  *oauth.Source // nil: passthrough; else the caller closes it after Examine
	// Credential is what the bridge logs in to a mailbox with, where Tokens is set.
	Credential func(mailbox, protocol string) Credential
}

// Credential is the part of a proxy.Credential that a doctor needs: the mechanisms for one login, the best one first.
type Credential interface {
	Mechanisms(ctx context.Context) ([]sasl.Client, error)
}

func (u Upstream) address(protocol string) string {
	return u.Address(protocol)
}

// protocols are those that the upstream has an address for.
func (u Upstream) protocols() []string {
	return slices.DeleteFunc(protocol.Names(), func(name string) bool { return !u.Serves(name) })
}

// Examine examines the upstreams one after another, and the way to each target; with some, only upstreams that a target
// leads to. It takes as long as their timeouts let it, and stops waiting when ctx ends.
func Examine(ctx context.Context, upstreams []Upstream, targets []*Target, some bool) Diagnosis {
	var checks []Check
	for _, u := range upstreams {
		p := &patient{Upstream: u, targets: leadingTo(u.Name, targets), links: map[string]*link{}}
		if !some || len(p.targets) > 0 {
			checks = append(checks, p.examine(ctx)...)
		}
	}
	return newDiagnosis(checks)
}
