package certs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// The kinds of entry, as the configuration calls them.
const (
	kindLocalCA = "local_ca"
	kindACME    = "acme"
	kindFile    = "file"
)

// builder makes the entries of a Source, opening CA and storage only where an entry needs them.
type builder struct {
	options Options
	log     *zap.Logger
	ca      *CA
	issuing *authority
}

func (b *builder) entry(ctx context.Context, e Entry) (*entry, error) {
	switch {
	case e.LocalCA != nil && e.ACME == nil && e.File == nil:
		return b.localEntry(ctx, e.LocalCA)
	case e.ACME != nil && e.LocalCA == nil && e.File == nil:
		return b.acmeEntry(ctx, e.ACME)
	case e.File != nil && e.LocalCA == nil && e.ACME == nil:
		return b.fileEntry(e.File)
	}
	return nil, errors.New("set exactly one of local_ca, acme, file")
}

func (b *builder) localEntry(ctx context.Context, l *LocalCA) (*entry, error) {
	names, err := normalizeNames(l.Names)
	if err != nil {
		return nil, fmt.Errorf("local_ca: %w", err)
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	m := b.issuing.newLocal(b.ca, names)
	cert, err := m.fresh(ctx)
	if err != nil {
		return nil, fmt.Errorf("local_ca: %w", err)
	}
	warnLarge(b.log, names, cert)
	return &entry{kind: kindLocalCA, names: names, cert: cert, managed: m}, nil
}

// acmeEntry serves what ACME issued in an earlier run, even if it has expired since, and else a local leaf.
func (b *builder) acmeEntry(ctx context.Context, a *ACME) (*entry, error) {
	names, err := normalizeNames(a.Names)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	e := &entry{kind: kindACME, names: names, fallback: b.issuing.newLocal(b.ca, names)}
	if e.managed, err = b.issuing.newACME(a, names, b.log); err != nil {
		return nil, err
	}
	if e.cert, err = e.managed.load(ctx); err == nil {
		return e, nil
	}
	e.fallen = true
	if e.cert, err = e.fallback.fresh(ctx); err != nil {
		return nil, fmt.Errorf("acme: a local certificate until ACME issues: %w", err)
	}
	return e, nil
}

func (b *builder) fileEntry(f *File) (*entry, error) {
	pair := &filePair{File: *f}
	cert, err := pair.read()
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	warnUnfit(b.log, f.Certificate, cert)
	return &entry{kind: kindFile, names: namesOf(cert.Leaf), cert: cert, files: pair}, nil
}

func (b *builder) open() error {
	if b.ca != nil {
		return nil
	}
	var err error
	if b.issuing, err = newAuthority(b.options.Dir, b.log); err != nil {
		return err
	}
	if b.ca, err = OpenCA(b.options.Dir); err != nil {
		return err
	}
	if end := b.ca.cert.NotAfter; time.Until(end) < leafLifetime {
		b.log.Warn("the local CA ends within 13 months, and its certificates with it: move its folder away at a time of your choice "+
			"to have a new one made, and import that into the devices",
			zap.String("folder", filepath.Join(b.options.Dir, caFolder)), zap.Time("not_after", end))
	}
	return nil
}
