package web

import "drawbridge/inventory"

const readinessReady = "ready"

// The words of the contract that filters offer, in the order in which lists show them.
var (
	readinesses = [...]string{readinessReady, "legacy", "obsolete", "unknown"}
	blockers    = [...]string{"no_tls", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
	tlsVersions = [...]string{"1.3", "1.2", "1.1", "1.0", "ssl3"}
	stages      = [...]inventory.Stage{inventory.StageBridge, inventory.StageWarn, inventory.StageBrownout, inventory.StageBlock}
	steps       = [...]inventory.NextStep{inventory.StepRepoint, inventory.StepOAuth2, inventory.StepEnable, inventory.StepUpdate,
		inventory.StepReplace, inventory.StepIdentify, inventory.StepWatch}
	outcomes = [...]inventory.Outcome{inventory.OutcomeBridged, inventory.OutcomeCut, inventory.OutcomeTLSFailed, inventory.OutcomeRefused,
		inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed, inventory.OutcomeProtocolError, inventory.OutcomeAbandoned}
	// troubles are the outcomes that an administrator can do something about.
	troubles = [...]inventory.Outcome{inventory.OutcomeTLSFailed, inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed,
		inventory.OutcomeProtocolError}
)

// choice is one option of a form's field.
type choice struct {
	Value, Label string
	Selected     bool
}

func choices[T ~string](all []T, selected string) []choice {
	list := make([]choice, len(all))
	for i, v := range all {
		list[i] = choice{string(v), label(v), string(v) == selected}
	}
	return list
}
