package journal

import (
	"bytes"
	"errors"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"drawbridge/inventory"
)

// disk is a file that can be full and can hang.
type disk struct {
	mu      sync.Mutex
	data    []byte
	writes  int
	syncs   int
	full    bool
	room    int           // bytes that still fit when it is full
	hang    chan struct{} // a write waits for it, if it is there
	noSyncs error
	ids     map[string]bool // of the sessions that are written, if it is there
}

func (d *disk) open(string) (file, error) { return d, nil }

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	hang := d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	if d.full && len(p) > d.room {
		n := d.room
		d.data, d.room = append(d.data, p[:n]...), 0
		return n, unix.ENOSPC
	}
	d.data = append(d.data, p...)
	if d.ids != nil {
		for line := range bytes.Lines(p) {
			_, after, _ := bytes.Cut(line, []byte(`"session_id":"`))
			id, _, _ := bytes.Cut(after, []byte(`"`))
			d.ids[string(id)] = true
		}
	}
	return len(p), nil
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	return d.noSyncs
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data = d.data[:size]
	return nil
}

func (d *disk) Close() error { return nil }

func (d *disk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *disk) bytes() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.data)
}

func (d *disk) holds(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ids[id]
}

func TestAdmitted_WaitsASecondForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hang: make(chan struct{})}
		j := opened(t, t.TempDir(), Options{open: d.open})
		began := time.Now()
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() { j.Admitted(session(n)) })
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		j.Ended(session(0))
		if took := time.Since(began); took != time.Second {
			t.Errorf("Ended took %v", took-time.Second)
		}
		if h := j.Health(); h.Pending != 4 {
			t.Errorf("%+v", h)
		}
		d.set(func() { close(d.hang); d.hang = nil })
		closed(t, j)
		if n := bytes.Count(d.bytes(), []byte("\n")); n != 4 {
			t.Errorf("%d lines are written", n)
		}
	})
}

func TestClose_GivesUpOnADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hang: make(chan struct{})}
		j := opened(t, t.TempDir(), Options{open: d.open})
		j.Ended(session(0))
		began := time.Now()
		if err := j.Close(); err == nil || !strings.Contains(err.Error(), "1 lines are lost") || time.Since(began) != closeWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(d.hang)
		<-j.writer.ended
		j.archive.close()
		_ = j.lock.Close()
	})
}

func TestWriter_SyncsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		j := opened(t, t.TempDir(), Options{open: d.open})
		for range 50 {
			j.Admitted(session(0))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if d.syncs < 5 || d.syncs > 7 {
			t.Errorf("%d syncs in 5 s", d.syncs)
		}
		time.Sleep(2 * time.Second)
		before := d.syncs
		time.Sleep(time.Hour)
		if d.syncs != before {
			t.Errorf("%d syncs of nothing", d.syncs-before)
		}
		closed(t, j)
	})
}

func TestWriter_TellsOfASyncThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{noSyncs: unix.EIO}
		j := opened(t, t.TempDir(), Options{open: d.open})
		j.Admitted(session(0))
		time.Sleep(1500 * time.Millisecond)
		if err := j.Health().Err; !errors.Is(err, unix.EIO) {
			t.Errorf("got %v", err)
		}
		d.set(func() { d.noSyncs = nil })
		time.Sleep(1500 * time.Millisecond)
		if err := j.Health().Err; err != nil {
			t.Errorf("it is well again, and says %v", err)
		}
		closed(t, j)
	})
}

func TestWriter_FullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		j := opened(t, t.TempDir(), Options{open: d.open})
		j.Admitted(session(0))
		d.set(func() { d.full, d.room = true, 100 }) // a part of the next line fits
		for n := 1; n < 10; n++ {
			j.Ended(session(n))
		}
		time.Sleep(5500 * time.Millisecond)
		h := j.Health()
		if !errors.Is(h.Err, unix.ENOSPC) || h.Pending != 9 || h.Lost != 0 {
			t.Errorf("while it is full: %+v", h)
		}
		if d.writes > 10 {
			t.Errorf("%d writes in 5 s", d.writes)
		}
		d.set(func() { d.room = 300 }) // some of it
		time.Sleep(time.Second)
		d.set(func() { d.full = false })
		time.Sleep(1100 * time.Millisecond)
		if h := j.Health(); h != (Health{}) {
			t.Errorf("with room again: %+v", h)
		}
		closed(t, j)
		wantSessions(t, d.bytes(), 10)
	})
}

// wantSessions fails unless data is n whole lines of session 0 to n-1, in order.
func wantSessions(t *testing.T, data []byte, n int) {
	t.Helper()
	var got []string
	for line := range bytes.Lines(data) {
		got = append(got, strings.TrimPrefix(parsed(t, line).Session.ID, "4f2a-"))
	}
	if strings.Join(got, " ") != numbers(n) {
		t.Errorf("the lines are of %v", got)
	}
}

func TestWriter_ClosedWhileTheDiskIsFull(t *testing.T) {
	d := &disk{}
	j := opened(t, t.TempDir(), Options{open: d.open})
	j.Admitted(session(0))
	d.set(func() { d.full, d.room = true, 100 })
	j.Ended(session(1))
	j.Ended(session(2))
	if err := j.Close(); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "2 lines are lost") {
		t.Error(err)
	}
	if h := j.Health(); h.Lost != 2 || h.Pending != 0 {
		t.Errorf("%+v", h)
	}
	wantSessions(t, d.bytes(), 1) // no part of a line is left
}

func TestQueue_KeepsTo64MiB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{full: true}
		j := opened(t, t.TempDir(), Options{open: d.open})
		line := append(bytes.Repeat([]byte("x"), 100_000), '\n')
		fits := maxPending / len(line)
		for range fits + 7 {
			j.queue.add(line, nil)
		}
		synctest.Wait()
		if h := j.Health(); h.Pending != fits || h.Lost != 7 {
			t.Errorf("%d are pending and %d lost, want %d and 7", h.Pending, h.Lost, fits)
		}
		long := strings.Repeat("🖨", 1024)
		if _, err := j.Change(t.Context(), inventory.Change{New: long, Old: long}); !errors.Is(err, errLost) {
			t.Errorf("a change: %v", err)
		}
		d.set(func() { d.full = false })
		time.Sleep(1100 * time.Millisecond)
		if h := j.Health(); h.Pending != 0 || h.Err != nil || h.Lost != 8 {
			t.Errorf("%+v", h)
		}
		closed(t, j)
		if n := bytes.Count(d.bytes(), []byte("\n")); n != fits {
			t.Errorf("%d lines are written, want %d", n, fits)
		}
	})
}

// TestWriter_RealFullDisk writes to a real file that the kernel does not let grow (RLIMIT_FSIZE), in a process of its
// own, since the limit is one of processes.
func TestWriter_RealFullDisk(t *testing.T) {
	writeToFullDisk(t)
}

// writeToFullDisk runs its test in a process of its own, and returns there how long a session waited for the disk.
func writeToFullDisk(t *testing.T) (took time.Duration) {
	t.Helper()
	dir := os.Getenv("DRAWBRIDGE_TEST_FULL_DISK")
	if dir == "" {
		runSelf(t, t.Name(), "DRAWBRIDGE_TEST_FULL_DISK="+filepath.Join(t.TempDir(), "journal"))
		return 0
	}
	ossignal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 1000
	j := opened(t, dir, Options{})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		j.Ended(session(n))
	}
	began := time.Now()
	j.Admitted(session(10))
	took = time.Since(began)
	h := j.Health()
	if !errors.Is(h.Err, syscall.EFBIG) || h.Pending == 0 || h.Lost != 0 {
		t.Errorf("while it is full: %+v", h)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Change(t.Context(), inventory.Change{Device: "d", Key: "note"}); err != nil { // waits for the retry
		t.Error(err)
	}
	closed(t, j)
	got, _, stats := ids(t, j.Reader, Position{})
	if strings.Join(got[:len(got)-1], " ") != numbers(11) || stats != (Stats{Lines: 12}) {
		t.Errorf("got %v, %+v", got, stats)
	}
	return took
}
