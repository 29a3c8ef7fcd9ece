package login

// Verdict is what became of a credential.
type Verdict int

// The verdicts.
const (
	NoAnswer Verdict = iota // it went up, or may have; nothing was learned of it
	Unsent                  // it never went up
	Accepted
	Rejected // as bad credentials
)
