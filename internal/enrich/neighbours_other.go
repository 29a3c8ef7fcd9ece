//go:build !linux

package enrich

// systemNeighbours knows nobody: only Linux is asked.
func systemNeighbours() ([]Neighbour, error) { return nil, nil }
