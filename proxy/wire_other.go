//go:build !unix

package proxy

// pending cannot tell here whether bytes have arrived.
func (w *Wire) pending() bool { return len(w.peeked) > 0 }
