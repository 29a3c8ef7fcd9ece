package certs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// maxRetry is the longest wait between attempts to obtain or renew.
	maxRetry = 6 * time.Hour
	// maxNap bounds a wait for a renewal that is far off: the clock may be set, the machine may sleep.
	maxNap = time.Hour
)

// Run renews certificates, orders those of ACME entries, and reads files again when they change, until ctx ends; then it
// waits for what is under way and returns nil, with every goroutine it started gone. It may be called once. Failures are
// logged, shown by List and tried again; meanwhile the certificate at hand is served.
func (s *Source) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, e := range s.entries {
		switch e.kind {
		case kindLocalCA:
			running.Go(func() { s.keepManaged(ctx, e, e.managed) })
		case kindACME:
			running.Go(func() { s.keepACME(ctx, e) })
		}
	}
	running.Go(func() { s.watchFiles(ctx) })
	running.Wait()
	return nil
}

// keepACME keeps the local leaf fresh too while the ACME server has not issued.
func (s *Source) keepACME(ctx context.Context, e *entry) {
	var standIn sync.WaitGroup
	defer standIn.Wait()
	local, stop := context.WithCancel(ctx)
	defer stop()
	if e.fallen { // changed only by this goroutine, below
		standIn.Go(func() { s.keepManaged(local, e, e.fallback) })
	}
	s.obtain(ctx, e)
	stop()
	standIn.Wait()
	s.keepManaged(ctx, e, e.managed)
}

// obtain tries until an ACME entry has a certificate of its own, waiting longer each time: failed validations are
// counted by the server (Let's Encrypt allows five an hour).
func (s *Source) obtain(ctx context.Context, e *entry) {
	for wait := s.retry; e.fallen; wait = min(2*wait, maxRetry) {
		if s.renew(ctx, e, e.managed) || !sleep(ctx, wait) {
			return
		}
	}
}

// keepManaged renews when two thirds of the life of the entry's certificate are over. One that is due again at once, as at
// the end of the CA's own life, is treated like one that could not be renewed.
func (s *Source) keepManaged(ctx context.Context, e *entry, m *managed) {
	wait := s.retry
	for {
		if due := time.Until(s.renewalDue(e)); due > 0 {
			wait = s.retry
			if !sleep(ctx, min(due, maxNap)) {
				return
			}
			continue
		}
		s.renew(ctx, e, m)
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, maxRetry)
	}
}

func (s *Source) renewalDue(e *entry) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return renewalOf(e.cert.Leaf).Add(time.Second) // certmagic agrees only when the moment is past
}

// renew makes one attempt and tells whether it succeeded.
func (s *Source) renew(ctx context.Context, e *entry, m *managed) bool {
	cert, err := m.fresh(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		s.log.Error("a certificate cannot be renewed, the present one goes on serving and it is tried again: see the error",
			zap.String("kind", e.kind), zap.Strings("names", e.names), zap.Error(err))
		s.update(func() { e.failure = err })
		return false
	}
	s.update(func() {
		switch {
		case m == e.managed:
			e.cert, e.failure, e.fallen = cert, nil, false
		case e.fallen: // else the ACME server has issued while the stand-in was renewed
			e.cert = cert
		}
	})
	warnLarge(s.log, e.names, cert)
	s.log.Info("certificate renewed", zap.String("kind", e.kind), zap.Strings("names", e.names),
		zap.String("fingerprint", fingerprint(cert.Leaf.Raw)), zap.Time("not_after", cert.Leaf.NotAfter))
	return true
}

// reload reads an entry's files again and serves what they hold, unless it cannot be used.
func (s *Source) reload(e *entry) {
	cert, err := e.files.read()
	if errors.Is(err, errUnchanged) {
		return
	}
	if err != nil {
		if s.fail(e, err) {
			s.log.Error("certificate files cannot be used, the certificate read before goes on serving: "+
				"mend the files, they are read again by themselves", zap.Error(err))
		}
		return
	}
	warnUnfit(s.log, e.files.Certificate, cert)
	s.update(func() { e.cert, e.names, e.failure = cert, namesOf(cert.Leaf), nil })
	s.log.Info("certificate files read again", zap.String("file", e.files.Certificate),
		zap.String("fingerprint", fingerprint(cert.Leaf.Raw)), zap.Time("not_after", cert.Leaf.NotAfter))
}

// fail notes a failure and tells whether it is news.
func (s *Source) fail(e *entry, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := e.failure != nil && e.failure.Error() == err.Error()
	e.failure = err
	return !known
}

// sleep waits, and tells whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle is how long folders must be quiet before files are read: certificate and key are rarely replaced in one step.
const settle = 500 * time.Millisecond

// watchFiles reads file entries again when their folders change and, where notices do not come (network file systems,
// files that links lead to), at every poll. Folders are watched, not files, so that renames and the swapped ..data link
// of Kubernetes are seen.
func (s *Source) watchFiles(ctx context.Context) {
	var files []*entry
	for _, e := range s.entries {
		if e.kind == kindFile {
			files = append(files, e)
		}
	}
	if len(files) == 0 {
		return
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn("certificate files are not watched, only looked at now and then: raise fs.inotify.max_user_instances",
			zap.Duration("every", s.poll), zap.Error(err))
		watcher = &fsnotify.Watcher{} // its channels are nil and never ready
	} else {
		defer watcher.Close()
	}
	s.reloadOn(ctx, watcher, files)
}

func (s *Source) reloadOn(ctx context.Context, watcher *fsnotify.Watcher, files []*entry) {
	poll := time.NewTicker(s.poll)
	defer poll.Stop()
	quiet := time.NewTimer(0) // what changed since New has no notice
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			quiet.Reset(settle)
			continue
		case err := <-watcher.Errors: // an overflow: anything may have changed
			s.log.Debug("watching certificate files", zap.Error(err))
		case <-quiet.C:
		case <-poll.C:
		}
		for _, e := range files {
			watch(watcher, e.files.folders())
			s.reload(e)
		}
	}
}

// watch adds folders; those watched already stay so. One that cannot be watched now may be at the next poll.
func watch(watcher *fsnotify.Watcher, folders []string) {
	if watcher.Events == nil {
		return
	}
	for _, folder := range folders {
		_ = watcher.Add(folder)
	}
}
