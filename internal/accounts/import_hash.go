package accounts

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// hashRows hashes the passwords of an import, as many at once as there are CPUs, until ctx ends.
func hashRows(ctx context.Context, rows []csvRow, p Parameters) error {
	errs := make([]error, len(rows))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(rows)) {
		workers.Go(func() { hashSome(ctx, rows, p, &next, errs) })
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hash the passwords: %w", err)
	}
	return errors.Join(errs...)
}

// hashSome takes one row after another until none is left.
func hashSome(ctx context.Context, rows []csvRow, p Parameters, next *atomic.Int64, errs []error) {
	for ctx.Err() == nil {
		i := int(next.Add(1) - 1)
		if i >= len(rows) {
			return
		}
		if err := rows[i].hash(p); err != nil {
			errs[i] = fmt.Errorf("line %d: password: %w", rows[i].line, err)
		}
	}
}

func (r *csvRow) hash(p Parameters) (err error) {
	if r.password.Empty() {
		return nil
	}
	h := r.password.Reveal()
	if !r.isHash() {
		if h, err = Hash(r.password, p); err != nil {
			return err
		}
	}
	r.account.Passwords = []Password{{Name: r.name, Hash: h}}
	return nil
}
