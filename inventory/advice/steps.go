package advice

import (
	"fmt"
	"slices"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// problemOf says in one word what keeps a device from going direct: "tls", "login", or "" for nothing.
func problemOf(d *inventory.Device) string {
	switch {
	case tlsBlocked(d):
		return "tls"
	case blocked(d, hello.BlockerPasswordLogin):
		return "login"
	}
	return ""
}

// tlsBlocked tells whether what the device offers is too little for Exchange Online.
func tlsBlocked(d *inventory.Device) bool {
	switch hello.Readiness(d.Readiness) {
	case hello.Legacy, hello.Obsolete:
		return true
	}
	return blocked(d, hello.BlockerNoTLS) || blocked(d, hello.BlockerTLSVersion) ||
		blocked(d, hello.BlockerKeyExchange) || blocked(d, hello.BlockerSignature)
}

func blocked(d *inventory.Device, b hello.Blocker) bool {
	return slices.Contains(d.Blockers, string(b))
}

// nextStep decides what to do about a device. fromPlatform is what is known of its platform, "" for nothing: it counts
// where TLS is too old.
func nextStep(d *inventory.Device, fromPlatform inventory.NextStep) inventory.NextStep {
	switch {
	case d.Account == "-":
		return inventory.StepWatch
	case tlsBlocked(d):
		return tlsStep(d, fromPlatform)
	case hello.Readiness(d.Readiness) != hello.Ready:
		return inventory.StepIdentify // no hello tells what it can do
	case blocked(d, hello.BlockerPasswordLogin):
		return inventory.StepOAuth2
	case d.AuthMechanism == "":
		return inventory.StepIdentify // no login tells what it can do
	}
	return inventory.StepRepoint
}

// tlsStep decides what to do about TLS that is too old, or none.
func tlsStep(d *inventory.Device, fromPlatform inventory.NextStep) inventory.NextStep {
	switch {
	case hello.Readiness(d.Readiness) == hello.Obsolete && fromPlatform != inventory.StepEnable:
		return inventory.StepReplace // nothing that ends at SSL 3.0 was ever made for TLS 1.2
	case onlyNoTLS(d) && fromPlatform != inventory.StepReplace:
		return inventory.StepEnable
	case fromPlatform == "":
		return inventory.StepIdentify
	}
	return fromPlatform
}

// onlyNoTLS tells whether the device spoke in clear and no hello of it is known.
func onlyNoTLS(d *inventory.Device) bool {
	return blocked(d, hello.BlockerNoTLS) && hello.Readiness(d.Readiness) == hello.Unknown &&
		!blocked(d, hello.BlockerTLSVersion) && !blocked(d, hello.BlockerKeyExchange) && !blocked(d, hello.BlockerSignature)
}

// sentenceKey is when a row of sentences.csv is told: with a step or a blocker, for a protocol or "" for all.
type sentenceKey struct{ kind, key, protocol string }

// addSentence takes a row of sentences.csv: kind, key, protocol, text, url, comment.
func (a *Advisor) addSentence(row []string) error {
	kinds := []string{"step", "blocker", "readiness"}
	if !slices.Contains(kinds, row[0]) || row[1] == "" || row[3] == "" {
		return fmt.Errorf("%q is no sentence", row)
	}
	key := sentenceKey{row[0], row[1], row[2]}
	a.sentences[key] = append(a.sentences[key], inventory.Advice{Text: row[3], URL: row[4]})
	return nil
}

// advise returns what to tell: what is wrong, what the platform can do, and what to do. What would lead to another step is
// left out.
func (a *Advisor) advise(d *inventory.Device, k knowledge) []inventory.Advice {
	list := make([]inventory.Advice, 0, 8)
	list = append(list, a.sentences[sentenceKey{"readiness", d.Readiness, ""}]...)
	for _, b := range blockerOrder {
		if blocked(d, b) && (d.NextStep != inventory.StepWatch || helloProves(b)) {
			list = append(list, a.sentences[sentenceKey{"blocker", string(b), ""}]...)
		}
	}
	for _, p := range k.rows[:k.n] {
		if p.step == "" || p.step == d.NextStep {
			list = append(list, p.advice)
		}
	}
	list = append(list, a.sentences[sentenceKey{"step", string(d.NextStep), ""}]...)
	if d.Protocol != "" {
		list = append(list, a.sentences[sentenceKey{"step", string(d.NextStep), d.Protocol}]...)
	}
	return list
}

// helloProves tells whether a blocker is told by a hello alone: the rest of what a stranger says is its own invention.
func helloProves(b hello.Blocker) bool {
	return b == hello.BlockerTLSVersion || b == hello.BlockerKeyExchange || b == hello.BlockerSignature
}

// blockerOrder is hello.BlockerOrder, made once.
var blockerOrder = hello.BlockerOrder()
