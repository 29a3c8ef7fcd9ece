// Package logintest is what the tests of proxy and of the login packages need of a session and of a credential.
package logintest

import (
	"context"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// LogIn is what a session does with the upstream's half before the mailbox is proven.
func LogIn(ctx context.Context, half login.UpstreamHalf, mechs []sasl.Client) error {
	if err := half.Greet(ctx); err != nil {
		return err
	}
	return half.LogIn(ctx, mechs)
}

// Token is XOAUTH2 as a SASL mechanism: its initial response.
type Token string

// Start implements sasl.Client.
func (t Token) Start() (string, []byte, error) { return "XOAUTH2", []byte(t), nil }

// Next implements sasl.Client.
func (t Token) Next([]byte) ([]byte, error) { return []byte{}, nil }
