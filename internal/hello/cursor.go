package hello

// cursor is what is left to read of a structure. Each method takes from its front, or says that it is too short
// and takes nothing that could be used.
type cursor []byte

func (c *cursor) take(n int) (cursor, bool) {
	if n > len(*c) {
		return nil, false
	}
	taken := (*c)[:n]
	*c = (*c)[n:]
	return taken, true
}

func (c *cursor) uint16() (uint16, bool) {
	b, ok := c.take(2)
	if !ok {
		return 0, false
	}
	return uint16(b[0])<<8 | uint16(b[1]), true
}

// vector8 takes a vector whose length stands before it in one byte.
func (c *cursor) vector8() (cursor, bool) {
	n, ok := c.take(1)
	if !ok {
		return nil, false
	}
	return c.take(int(n[0]))
}

// vector16 takes a vector whose length stands before it in two bytes.
func (c *cursor) vector16() (cursor, bool) {
	n, ok := c.uint16()
	if !ok {
		return nil, false
	}
	return c.take(int(n))
}

// only8 returns the one vector of which c consists.
func (c cursor) only8() (cursor, bool) {
	v, ok := c.vector8()
	return v, ok && len(c) == 0
}

// only16 returns the one vector of which c consists.
func (c cursor) only16() (cursor, bool) {
	v, ok := c.vector16()
	return v, ok && len(c) == 0
}

// numbers reads all of c, if there is one, as a list of 16-bit numbers. It fails on an odd length and on more than
// maxListed.
func numbers[T ~uint16](c cursor, ok bool) ([]T, bool) {
	if !ok || len(c)%2 != 0 || len(c)/2 > maxListed {
		return nil, false
	}
	list := make([]T, 0, len(c)/2)
	for len(c) > 0 {
		n, _ := c.uint16()
		list = append(list, T(n))
	}
	return list, true
}
