package proxy

// Sizes are the numbers of rows that Failures holds, for tests of its bounds.
func (f *Failures) Sizes() (active, pairs, sources, accounts, held int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.active), f.pairs.len(), f.sources.len(), f.accounts.len(), f.held.len()
}

// Sizes are the numbers of rows that Guesses holds.
func (g *Guesses) Sizes() (flights, accepted, refused, users int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.flights), g.accepted.len(), g.refused.len(), g.users.len()
}

// Sizes are the numbers of rows that Verified holds.
func (v *Verified) Sizes() (pairs, users, sources, crowds int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pairs.len(), len(v.users), len(v.sources), v.crowds.len()
}

// Waiting is how many Slots hold or wait for.
func (s *Slots) Waiting() (held, sources, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, len(s.bySource), len(s.waiting.lines)
}

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

// UserOf and FoldAccount are how names are compared.
var (
	UserOf      = userOf
	FoldAccount = foldAccount
)

// The bounds that tests look for.
const (
	MaxTallies  = maxTallies
	MaxUsers    = maxUsers
	MaxVerified = maxVerified
	MaxAccount  = maxAccount
)
