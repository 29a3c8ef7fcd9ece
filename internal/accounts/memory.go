package accounts

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"drawbridge/internal/secret"
)

// How long a verified password is remembered, and how many are.
const (
	rememberFor   = 24 * time.Hour
	maxRemembered = 100_000
)

// memory remembers which passwords were right, as keyed hashes, in memory only. Beyond its bound the oldest go.
type memory struct {
	digests sync.Pool // of *digesting
	most    int

	mu    sync.Mutex
	rows  map[digest]*list.Element // of *remembered
	order list.List                // the first to end first
}

type digest [sha256.Size]byte

// remembered is one password: which key it opened, and until when that is taken for granted.
type remembered struct {
	digest digest
	key    string
	until  time.Time
}

// digesting is what computes a digest, used again and again.
type digesting struct {
	mac hash.Hash
	buf []byte
}

func newMemory(most int) *memory {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand, since Go 1.24)
	m := &memory{most: most, rows: make(map[digest]*list.Element)}
	m.digests.New = func() any { return &digesting{mac: hmac.New(sha256.New, key[:])} }
	return m
}

// digest stands for a password together with what it opens.
func (m *memory) digest(binding string, password secret.Secret) digest {
	d := m.digests.Get().(*digesting)
	defer m.digests.Put(d)
	d.mac.Reset()
	d.buf = binary.BigEndian.AppendUint64(d.buf[:0], uint64(len(binding)))
	d.buf = append(d.buf, binding...)
	d.buf = append(d.buf, password.Reveal()...)
	_, _ = d.mac.Write(d.buf) // never fails (hash.Hash)
	clear(d.buf)
	d.buf = d.mac.Sum(d.buf[:0])
	return digest(d.buf)
}

// recall returns the key that a password opened.
func (m *memory) recall(binding string, password secret.Secret, now time.Time) (key string, ok bool) {
	d := m.digest(binding, password)
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.rows[d]
	if !ok {
		return "", false
	}
	r := e.Value.(*remembered)
	return r.key, now.Before(r.until)
}

// remember notes that a password opened key.
func (m *memory) remember(binding string, password secret.Secret, key string, now time.Time) {
	r := &remembered{digest: m.digest(binding, password), key: key, until: now.Add(rememberFor)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.rows[r.digest]; ok {
		m.drop(e)
	}
	for e := m.order.Front(); e != nil && (len(m.rows) >= m.most || m.over(e, now)); e = m.order.Front() {
		m.drop(e)
	}
	m.rows[r.digest] = m.order.PushBack(r)
}

func (m *memory) over(e *list.Element, now time.Time) bool {
	return !now.Before(e.Value.(*remembered).until)
}

func (m *memory) drop(e *list.Element) {
	delete(m.rows, m.order.Remove(e).(*remembered).digest)
}
