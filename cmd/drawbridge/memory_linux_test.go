package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
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
	p := &process{t: t, config: filepath.Join(w.dir, "drawbridge.yaml"), log: filepath.Join(w.dir, "bridge.log"), exited: make(chan struct{})}
	withAuthority(t, w.dataDir())
	must(t, os.Chmod(w.dataDir(), 0o700))
	must(t, os.WriteFile(p.config, []byte("data_dir: "+w.dataDir()+"\n"+c.String()+"log: {output: [bridge.log]}\n"), 0o600))
	p.start(buildBridge(t))
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
