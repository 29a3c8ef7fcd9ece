package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"drawbridge/internal/secret"
)

// digest stands for a password: a keyed hash, bound to what it opens.
type digest [sha256.Size]byte

// digester makes digests with HMAC-SHA-256 and a key that only this process has. It is safe for concurrent use.
type digester struct{ pool sync.Pool } // of *digesting

type digesting struct {
	mac hash.Hash
	buf []byte
}

func newDigester() *digester {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand, since Go 1.24)
	return &digester{sync.Pool{New: func() any {
		return &digesting{mac: hmac.New(sha256.New, key[:])}
	}}}
}

// digest returns the digest of secret, which opens account of upstream. A token never has a password's digest.
func (d *digester) digest(upstream, account string, password secret.Secret, token bool) digest {
	h := d.pool.Get().(*digesting)
	defer d.pool.Put(h)
	kind := "password"
	if token {
		kind = "token"
	}
	for _, part := range [...]string{kind, upstream, account, password.Reveal()} {
		h.buf = binary.BigEndian.AppendUint64(h.buf[:0], uint64(len(part)))
		h.buf = append(h.buf, part...)
		_, _ = h.mac.Write(h.buf) // never fails (hash.Hash)
	}
	clear(h.buf) // the secret was the last part
	h.buf = h.mac.Sum(h.buf[:0])
	h.mac.Reset()
	return digest(h.buf)
}
