package proxy

import (
	"net"
	"time"
)

// Draining reports whether logins are refused because the bridge is stopping.
func (s *Server) Draining() bool { return s.isDraining() }

// CloseTurnedAway closes c as that of a device that is turned away, while others are.
func (s *Server) CloseTurnedAway(c net.Conn, others int32) {
	s.turningAway.Store(others)
	s.closeTurnedAway(c)
}

// CutAt ends the sessions that the rules want ended at that time, as happens every so often.
func (s *Server) CutAt(now time.Time) { s.cutAt(now) }
