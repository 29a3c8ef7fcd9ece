// Package passwordmemory remembers in memory which passwords were right, so that a poll costs no check, and never the
// passwords themselves.
//
// It keeps HMAC-SHA-256 (RFC 2104) of them, under a key that only this process has.
package passwordmemory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Digest stands for a password together with what it opens. Digests are equal only where one Hasher made them.
type Digest [sha256.Size]byte

// Hasher makes digests. It is safe for concurrent use.
type Hasher struct{ pool sync.Pool } // of *hashing

// hashing is what computes a digest, used again and again.
type hashing struct {
	mac hash.Hash
	buf []byte
}

// NewHasher returns one with a key of its own.
func NewHasher() *Hasher {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand, since Go 1.24)
	return &Hasher{sync.Pool{New: func() any { return &hashing{mac: hmac.New(sha256.New, key[:])} }}}
}

// Sum returns the digest of parts: what the password opens, and the password. It tells where one part ends, and keeps none.
func (h *Hasher) Sum(parts ...string) Digest {
	d := h.pool.Get().(*hashing)
	defer h.pool.Put(d)
	d.mac.Reset()
	d.buf = d.buf[:0]
	for _, part := range parts {
		d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(len(part)))
		d.buf = append(d.buf, part...)
	}
	_, _ = d.mac.Write(d.buf) // never fails (hash.Hash)
	clear(d.buf)
	d.buf = d.mac.Sum(d.buf[:0])
	return Digest(d.buf)
}
