package certs

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

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
