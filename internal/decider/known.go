package decider

import (
	"slices"
	"strings"

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
