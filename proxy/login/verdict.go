package login

// Verdict is what became of a credential.
type Verdict int

// The verdicts.
const (
	NoAnswer Verdict = iota // it went up, or may have; nothing was learned of it
	Unsent                  // it never went up
	Accepted
	Rejected // as bad credentials
	Doubted  // likewise, but without a response code: it may have been a passing fault in words that nobody knows
)

// Refused reports whether v is a refusal as bad credentials.
func (v Verdict) Refused() bool { return v == Rejected || v == Doubted }
