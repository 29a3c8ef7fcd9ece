// Package devicetls makes a device's raw connection a TLS one.
//
// A hello is peeked, the listener's Profile says what of it is permitted, an Engine serves what it can, an alert tells the device
// why not (RFC 5246, 8446; alerts in RFC 8446, section 6).
package devicetls

import (
	"context"
	"net"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// Terminator makes a raw connection, whose hello was peeked, a TLS one. It returns what is known of the handshake also when
// it fails, and then a *TLSError. The deadline of c holds.
type Terminator func(ctx context.Context, c *Wire, h *hello.Hello) (net.Conn, inventory.TLS, error)

// Engine is an implementation of TLS's server side, made for one listener's profile. It is safe for concurrent use.
type Engine interface {
	// Prepare says how the engine would serve a hello, without touching the connection: it is a pure function of what the
	// profile permits. Where it cannot, the *TLSError has the alert and the sentence with which the hello is refused if no
	// other engine can either.
	Prepare(Permitted) (Handshake, *TLSError)
}

// Handshake completes one handshake as Prepare decided. Its results are those of a Terminator.
type Handshake func(ctx context.Context, w *Wire) (net.Conn, inventory.TLS, error)

// NewTerminator terminates with the first of engines that serves a hello. They are asked in this order, and a hello is
// refused only when all of them were, in the words of the first.
func NewTerminator(p Profile, engines ...Engine) Terminator {
	return func(ctx context.Context, w *Wire, h *hello.Hello) (net.Conn, inventory.TLS, error) {
		handshake, refused := choose(engines, p.permit(h))
		if refused != nil {
			w.SendAlert(RecordVersion(h), refused.alert)
			return nil, inventory.TLS{AlertSent: AlertName(refused.alert)}, refused
		}
		return handshake(ctx, w)
	}
}

// choose decides which engine serves a hello: the first that can.
func choose(engines []Engine, permitted Permitted) (Handshake, *TLSError) {
	var first *TLSError
	for _, e := range engines {
		handshake, refused := e.Prepare(permitted)
		if refused == nil {
			return handshake, nil
		}
		if first == nil {
			first = refused
		}
	}
	return nil, first
}
