package proxy

import "net"

// Draining reports whether logins are refused because the bridge is stopping.
func (s *Server) Draining() bool { return s.isDraining() }

// CloseTurnedAway closes c as that of a device that is turned away, while others are.
func (s *Server) CloseTurnedAway(c net.Conn, others int32) {
	s.turningAway.Store(others)
	s.closeTurnedAway(c)
}
