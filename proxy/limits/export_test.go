package limits

// Waiting is how many Slots are held, by how many sources, and how many wait.
func (s *Slots) Waiting() (held, sources, waiting int) { return s.slots.Count() }

// Mailboxes is how many mailboxes Turns holds.
func (t *Turns) Mailboxes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mailboxes)
}

// Sources is how many sources Sessions counts.
func (s *Sessions) Sources() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bySource)
}
