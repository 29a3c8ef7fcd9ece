package sandbox

import "math/rand/v2"

// dropWithin is how many bytes of replies a connection says at most before it is dropped.
const dropWithin = 2048

// doom decides whether the connection will be dropped and when; false: at once.
func (c *conn) doom(faults *Faults) bool {
	if faults.DropRate <= 0 {
		return true
	}
	random := rand.New(rand.NewPCG(faults.DropSeed, c.id))
	if random.Float64() >= faults.DropRate {
		return true
	}
	if random.IntN(4) == 0 {
		c.abort()
		return false
	}
	c.left.Store(1 + random.Int64N(dropWithin))
	return true
}

// beforeDrop returns what may still be written, and whether the connection drops behind it. It is called with the lock of writing held.
func (c *conn) beforeDrop(p []byte) (part []byte, last bool) {
	left := c.left.Load()
	if left < 0 {
		return p, false
	}
	if int64(len(p)) < left {
		c.left.Store(left - int64(len(p)))
		return p, false
	}
	c.left.Store(0)
	return p[:left], true
}
