package decider

import (
	"cmp"
	"slices"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
	"drawbridge/proxy/policy"
)

// Known is what is known beside a session when the rules decide about it. Its functions are safe for concurrent use.
type Known struct {
	// Listed returns whom a login name stands for; nil: no account is listed.
	Listed func(login string) (accounts.Claim, bool)
	// Plans returns what people set for the devices of a source, by account; nil: nothing is set.
	Plans func(source string) map[string]inventory.Plan
	// Tokens reports whether the bridge logs in to an upstream with tokens of its own, see Tokens; nil: to none.
	Tokens func(upstream string) bool
}

// Tokens tells to which upstreams of a configuration the bridge logs in with tokens of its own: by name, and false for one that it
// does not have.
func Tokens(list []config.Upstream) func(upstream string) bool {
	by := make(map[string]bool)
	for i := range list {
		by[list[i].Name] = list[i].OAuth2 != nil
	}
	return func(upstream string) bool { return by[upstream] }
}

// Opened is d as a session record has it: Mailbox is the one that a login as account opens, and Rules has no rule for it that had no
// part in it. Only where the bridge brings the token can that be another one than the login's; token says that the device brought
// its own. d itself is not changed.
func (k Known) Opened(d policy.Decision, account string, token bool) policy.Decision {
	own := strings.ToLower(account)
	if k.opensOwn(d.Upstream, token) {
		d.Mailbox, d.Rules = own, d.Rules.Without(policy.SettingMailbox)
		return d
	}
	if k.Listed != nil {
		if claim, ok := k.Listed(account); ok {
			own = cmp.Or(claim.Mailbox, own)
		}
	}
	d.Mailbox = cmp.Or(d.Mailbox, own)
	return d
}

// OwnToken reports whether a device that logs in by a mechanism, as on record, brings a token of its own.
func OwnToken(mechanism string) bool { return login.Credentials{Mechanism: mechanism}.Token() }

// opensOwn reports whether a login at an upstream opens the mailbox of its own name, whatever rules say.
func (k Known) opensOwn(upstream string, token bool) bool {
	return token || k.Tokens == nil || !k.Tokens(upstream)
}

// Facts are what the rules decide by, and under which other id of the device people set its stage; "" where it is its own, or none.
func (k Known) Facts(s *inventory.Session, account string) (f policy.Facts, of string) {
	typed, listed := strings.ToLower(account), ""
	if k.Listed != nil {
		if claim, ok := k.Listed(account); ok {
			listed = claim.Account
		}
	}
	set, of := k.plan(s, typed, listed)
	return policy.FactsOf(s, typed, listed, set), of
}

// plan returns what people set for a session's device: under its own id, or one that differs in how the account is spelled, or in
// what is known of the source. Of several of those the strictest stage and the first deadline hold: a device must not come out
// of a block by another spelling. Whoever wants one of them served sets that one. Where the account is listed the device has two ids
// of its own, as typed and as listed, and what is set for both is taken likewise.
func (k Known) plan(s *inventory.Session, typed, listed string) (set inventory.Plan, of string) {
	if k.Plans == nil {
		return inventory.Plan{}, ""
	}
	own := ownIDs(s, typed, listed)
	var mine inventory.Plan
	for _, source := range s.Sources() {
		for name, plan := range k.Plans(source) {
			id := source + "/" + name
			isOwn := slices.Contains(own, id)
			if !isOwn && !login.IsSpellingOf(typed, name) && (listed == "" || !login.IsSpellingOf(listed, name)) {
				continue
			}
			if isOwn && plan.Stage != "" {
				mine = strictest(mine, plan)
			}
			if stricter(plan.Stage, set.Stage) || plan.Stage != "" && plan.Stage == set.Stage && id < of { // maps have no order
				of = id
			}
			set = strictest(set, plan)
		}
	}
	if mine.Stage != "" {
		return mine, ""
	}
	return set, of
}

// ownIDs are the ids that the session's device may have.
func ownIDs(s *inventory.Session, typed, listed string) []string {
	own := []string{s.DeviceOf(typed)}
	if listed != "" {
		own = append(own, s.DeviceOf(listed))
	}
	return own
}

// strictest has the stricter stage and the earlier deadline of two plans.
func strictest(a, b inventory.Plan) inventory.Plan {
	if stricter(b.Stage, a.Stage) {
		a.Stage = b.Stage
	}
	if b.Deadline != "" && (a.Deadline == "" || b.Deadline < a.Deadline) {
		a.Deadline = b.Deadline
	}
	return a
}

func stricter(a, b inventory.Stage) bool {
	return a != "" && (b == "" || slices.Index(inventory.Stages(), a) > slices.Index(inventory.Stages(), b))
}
