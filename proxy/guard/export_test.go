package guard

// Sizes are the numbers of rows that Failures holds, for tests of its bounds.
func (f *Failures) Sizes() (active, pairs, sources, accounts, held int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.active), f.pairs.Len(), f.sources.Len(), f.accounts.Len(), f.held.Len()
}

// Sizes are the numbers of rows that Guesses holds.
func (g *Guesses) Sizes() (flights, accepted, refused, users int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.flights), g.accepted.Len(), g.refused.Len(), g.users.Len()
}

// Sizes are the numbers of rows that Verified holds.
func (v *Verified) Sizes() (pairs, users, sources, crowds int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pairs.Len(), len(v.addresses), len(v.sources), v.crowds.Len()
}

// The bounds that tests look for.
const (
	MaxTallies  = maxTallies
	MaxUsers    = maxUsers
	MaxVerified = maxVerified
)
