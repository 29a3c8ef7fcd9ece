package inventory

import (
	"sync"

	"drawbridge/internal/hello"
	"drawbridge/internal/lru"
)

// Hellos lets sessions share equal hellos, so that one that idles for an hour holds a pointer and not a copy. It
// remembers a bounded number of them, the most recent ones. It is safe for concurrent use.
type Hellos struct {
	mu    sync.Mutex
	byKey *lru.Table[string, *hello.Hello]
}

// NewHellos returns an empty cache of at most limit hellos, at least two.
func NewHellos(limit int) *Hellos {
	return &Hellos{byKey: lru.New[string, *hello.Hello](max(limit, 2), nil)}
}

// Share returns a hello equal to h that may be shared: an earlier one where it is remembered, h otherwise. Equal is
// what has the same hello.Key, so GREASE values, which are drawn anew for each connection, may be another session's.
// Neither is to be changed afterwards. Share(nil) is nil.
func (c *Hellos) Share(h *hello.Hello) *hello.Hello {
	if h == nil {
		return nil
	}
	key := h.Key()
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.byKey.Touch(key)
	if *known == nil {
		*known = h
	}
	return *known
}
