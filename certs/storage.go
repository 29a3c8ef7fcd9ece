package certs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"drawbridge/internal/filelock"
)

// lockPoll is how often a lock that someone else holds is tried again.
const lockPoll = 100 * time.Millisecond

// storage is certmagic's file storage with locks that the kernel gives back when a process dies. certmagic's own locks
// are files kept fresh by a goroutine that outlives the lock by up to five seconds, and after a kill the next start
// waits ten for them to grow stale.
type storage struct {
	certmagic.Storage
	locks string // folder
	mu    sync.Mutex
	held  map[string]io.Closer // by lock name
}

// newStorage keeps certificates in dir, a folder that only its owner may read.
func newStorage(dir string) (*storage, error) {
	locks := filepath.Join(dir, "locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, err
	}
	return &storage{
		Storage: &certmagic.FileStorage{Path: dir},
		locks:   locks,
		held:    make(map[string]io.Closer),
	}, nil
}

// Lock waits until no other process, and no one else in this one, holds name, or ctx ends.
func (s *storage) Lock(ctx context.Context, name string) error {
	file := filepath.Join(s.locks, certmagic.StorageKeys.Safe(name)+".lock")
	for {
		f, err := filelock.Try(file)
		if err == nil {
			s.mu.Lock()
			s.held[name] = f
			s.mu.Unlock()
			return nil
		}
		if !errors.Is(err, filelock.ErrLocked) {
			return fmt.Errorf("lock %s: %w", file, err)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return fmt.Errorf("lock %s, held by another process: %w", file, ctx.Err())
		}
	}
}

// Unlock gives back what Lock took. The file stays.
func (s *storage) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	f := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if f == nil {
		return fmt.Errorf("unlock %s: not locked", name)
	}
	return f.Close()
}

var _ certmagic.Storage = (*storage)(nil)
