package enrich

// What tests outside the package look at.
const (
	MaxAddresses = maxAddresses
	MaxWaiting   = maxWaiting
	MaxSaid      = maxSaid
)

var (
	ProveName        = proveName
	CleanText        = cleanText
	Index            = index
	SystemNeighbours = systemNeighbours
)
