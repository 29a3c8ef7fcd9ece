package decider

import (
	"context"

	"drawbridge/proxy/login"
)

// Begin is what Mechanisms does before it asks for a token, which takes a network.
func (e *entraLogin) Begin(ctx context.Context) error { return e.begin(ctx) }

// Reject is what Mechanisms does when Entra ID says no.
func (e *entraLogin) Reject() { e.check.Done(login.Rejected) }
