// Package passwordmemory remembers which passwords were right, so that a poll costs no check, never the passwords themselves.
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
	"time"

	"drawbridge/internal/lru"
)

// Memory holds a value for each password that was right: what it opened. It is safe for concurrent use.
type Memory[V any] struct {
	lifetime time.Duration

	mu   sync.Mutex
	rows *lru.Table[Digest, remembered[V]]
}

type remembered[V any] struct {
	value V
	since time.Time
}

// New returns an empty Memory of at most most passwords, each for lifetime since it was right last; 0 is for ever. Beyond its
// bound those that were right longest ago go.
func New[V any](most int, lifetime time.Duration) *Memory[V] {
	return &Memory[V]{lifetime: lifetime, rows: lru.New[Digest, remembered[V]](most, nil)}
}

// Recall returns what was remembered of a password.
func (m *Memory[V]) Recall(d Digest, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows.Get(d); r != nil && !m.over(r, now) {
		return r.value, true
	}
	return value, false
}

// Remember notes that a password was right.
func (m *Memory[V]) Remember(d Digest, value V, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows.DropOldest(func(r *remembered[V]) bool { return m.over(r, now) })
	*m.rows.Touch(d) = remembered[V]{value, now}
}

// Forget drops a password that is right no more.
func (m *Memory[V]) Forget(d Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows.Remove(d)
}

// Len returns how many are held, those included whose time is over but whose room nobody needed.
func (m *Memory[V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows.Len()
}

func (m *Memory[V]) over(r *remembered[V], now time.Time) bool {
	return m.lifetime > 0 && now.Sub(r.since) >= m.lifetime
}

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
	clear(d.buf)              // the password stood in it
	d.buf = d.mac.Sum(d.buf[:0])
	return Digest(d.buf)
}
