package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/inventory/journal"
	"drawbridge/inventory/ledger"
)

// proc reads a figure in kB from a file of /proc/PID, in bytes.
func (p *process) proc(file, key string) int64 {
	p.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	must(p.t, err)
	found := regexp.MustCompile(`(?m)^` + key + `:\s+(\d+) kB$`).FindSubmatch(content)
	if found == nil {
		p.t.Fatalf("%s has no %s:\n%s", file, key, content)
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	must(p.t, err)
	return kilobytes << 10
}

// TestMemory_UnreadAnswersAreSmall asks a bridge whose store holds a thousand of the largest records for its longest answer, fifty
// times, and reads nothing. Nobody may drive it beyond half a gigabyte by that.
func TestMemory_UnreadAnswersAreSmall(t *testing.T) {
	const records, askers, most = 1000, 50, 512 << 20 // bytes
	w, c := drainWorld(t, "1s")
	writeLargest(t, w, records)
	p := builtProcess(t, w, c)
	until(t, "the store to have every record", func() bool {
		return strings.Contains(ask(t, c.admin, "/api/totals"), fmt.Sprintf(`"sessions":%d`, records))
	})
	before := p.proc("status", "VmHWM")
	unread(t, c.admin, "/api/sessions?limit=1000", askers)
	if peak := p.proc("status", "VmHWM"); peak > most {
		t.Errorf("the bridge took %d MiB at its peak, %d MiB before", peak>>20, before>>20)
	} else {
		t.Logf("%d MiB before, %d MiB at the peak", before>>20, peak>>20)
	}
}

// TestMemory_FloodOfDifferingHellos floods the built bridge from several sources with hellos no two of which are alike: what it
// writes of each in a minute is bounded, and so is what it holds.
func TestMemory_FloodOfDifferingHellos(t *testing.T) {
	const sources, each, most = 20, 100, 256 << 20 // bytes of memory
	w, c := drainWorld(t, "1s")
	p := builtProcess(t, w, c)
	began, before := time.Now(), p.proc("status", "VmHWM")
	var flood sync.WaitGroup
	for source := range sources {
		flood.Go(func() {
			for i := range each {
				sendHello(t, fmt.Sprintf("127.7.0.%d", source+1), c.imaps, uint16(source*each+i))
			}
		})
	}
	flood.Wait()
	minutes := int64(time.Since(began)/time.Minute) + 2 // begun ones count too
	p.signal(syscall.SIGTERM)
	peak := p.proc("status", "VmHWM")
	if p.exit() != exitDone {
		t.Error("the bridge did not end well")
	}
	written := journalSize(t, w)
	if bound := minutes * sources * (64<<10 + 8<<10); written > bound {
		t.Errorf("the journal has %d KiB, want %d KiB at most: 64 KiB of records a source and minute, and what is summed", written>>10, bound>>10)
	}
	if peak > most {
		t.Errorf("the bridge took %d MiB at its peak, %d MiB before", peak>>20, before>>20)
	}
	t.Logf("%d KiB of journal for %d sessions; %d MiB before, %d MiB at the peak", written>>10, sources*each, before>>20, peak>>20)
}

// sendHello sends a hello of a thousand suites that nobody has, of which one is number, and reads until the bridge closes.
func sendHello(t *testing.T, from, address string, number uint16) {
	suites := make([]byte, 2000)
	for i := range 1000 {
		binary.BigEndian.PutUint16(suites[2*i:], 0x6000|uint16(i))
	}
	binary.BigEndian.PutUint16(suites, 0x7000|number)
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, byte(len(suites) >> 8), byte(len(suites) & 0xff)}, suites, []byte{1, 0})
	hello := slices.Concat([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body)
	record := slices.Concat([]byte{22, 3, 1, byte(len(hello) >> 8), byte(len(hello))}, hello)
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(record)
	_, _ = io.Copy(io.Discard, conn)
}

// journalSize is how many bytes the journal has on disk.
func journalSize(t *testing.T, w *world) (bytes int64) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(w.dataDir(), ledger.JournalFolder))
	must(t, err)
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		bytes += info.Size()
	}
	return bytes
}

// builtProcess runs the built command, which has neither the race detector's memory nor its pace.
func builtProcess(t *testing.T, w *world, c *drainConfig) *process {
	t.Helper()
	p := &process{t: t, config: filepath.Join(w.dir, "drawbridge.yaml"), log: filepath.Join(w.dir, "bridge.log"), exited: make(chan struct{})}
	withAuthority(t, w.dataDir())
	must(t, os.Chmod(w.dataDir(), 0o700))
	must(t, os.WriteFile(p.config, []byte("data_dir: "+w.dataDir()+"\n"+c.String()+"log: {output: [bridge.log]}\n"), 0o600))
	p.start(buildBridge(t))
	return p
}

// writeLargest writes a journal of sessions whose records are as long as records can be.
func writeLargest(t *testing.T, w *world, sessions int) {
	t.Helper()
	must(t, os.MkdirAll(w.dataDir(), 0o700))
	of := inventory.Instance{Bridge: "bridge-1", Run: "largest"}
	j, err := journal.Open(filepath.Join(w.dataDir(), ledger.JournalFolder), journal.Options{Instance: of})
	must(t, err)
	text, pairs := strings.Repeat("\x01", 255), make(map[string]string)
	for i := range 30 {
		pairs[string(rune('A'+i))+text] = text
	}
	began := time.Now().Add(-time.Hour).UTC()
	for i := range sessions {
		j.Ended(&inventory.Session{ID: fmt.Sprintf("%016x", i), Bridge: of.Bridge, Run: of.Run, Listener: "imaps", Protocol: "imap", StartedAt: began, Time: began,
			Source: inventory.Source{IP: netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), Port: 1, Name: text}, ClientID: pairs,
			Login: inventory.Login{ClaimedAccount: text}, Phase: inventory.PhaseLogin, Outcome: inventory.OutcomeLoginFailed, Reason: text})
	}
	must(t, j.Close())
}

// ask returns an answer of the admin address.
func ask(t *testing.T, admin, path string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", admin, patience)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET "+path+" HTTP/1.0\r\nHost: localhost\r\n\r\n")
	must(t, err)
	answer, err := io.ReadAll(conn)
	must(t, err)
	return string(answer)
}

// unread asks many times at once, from two addresses, and returns when each question is being answered. Nothing but the first byte
// of an answer is read until the test ends.
func unread(t *testing.T, admin, path string, askers int) {
	t.Helper()
	var begun sync.WaitGroup
	for i := range askers {
		begun.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%2))}}
			conn, err := d.DialContext(t.Context(), "tcp", admin)
			if err != nil {
				t.Error(err)
				return
			}
			context.AfterFunc(t.Context(), func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, _ = conn.Read(make([]byte, 1))
		})
	}
	begun.Wait()
}
