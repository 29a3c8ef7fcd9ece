package proxy

// Draining reports whether logins are refused because the bridge is stopping.
func (s *Server) Draining() bool { return s.isDraining() }
