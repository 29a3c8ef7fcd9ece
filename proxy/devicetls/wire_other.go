//go:build !unix

package devicetls

// pending cannot tell here whether bytes have arrived.
func (w *Wire) Pending() bool { return len(w.peeked) > 0 }
