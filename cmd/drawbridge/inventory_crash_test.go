package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
)

// kills is how often the bridge is killed under load.
const kills = 50

// TestInventory_SurvivesKills kills the bridge at random moments under load. Every session that a device saw admitted is
// in the inventory afterwards, none is in it twice, and a store made anew and the journal alone say the same.
func TestInventory_SurvivesKills(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox(sandbox.Account{Address: "fax@contoso.example", Password: "right", Messages: [][]byte{messageOf(1)}})
	imap := w.listen(sandbox.ListenOptions{})
	address := freeAddress(t)
	text := fmt.Sprintf(`
name: test
log: {output: [%s]}
listeners: [{name: imaps, protocol: imap, address: %q}]
certificates: [{local_ca: {names: [localhost, 127.0.0.1]}}]
inventory: {enrich: {reverse_dns: false}}
admin: {address: ""}
upstreams:
%s`, filepath.Join(w.dir, "bridge.log"), address,
		w.upstream("mail", imap.Address(), "", "limits: {sessions_per_mailbox: 0, dials_per_second: 0}"))
	fleet := newCrowd(t, address)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	p := serveProcess(t, w, text)
	program, err := exec.LookPath("drawbridge")
	must(t, err)
	for range kills {
		wait(t, time.Duration(random.IntN(300))*time.Millisecond)
		p.signal(syscall.SIGKILL)
		<-p.exited
		p.exited = make(chan struct{})
		p.start(program)
	}
	fleet.leave()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitDone {
		t.Errorf("exit %d: %s", code, &p.stderr)
	}
	fleet.compare(t, w)
	live := inventoryOf(t, p.config)
	var out bytes.Buffer
	if code := run(t.Context(), []string{"inventory", "rebuild", "--config", p.config}, &out, &out); code != exitDone {
		t.Fatalf("rebuild: exit %d: %s", code, &out)
	}
	if anew := inventoryOf(t, p.config); anew != live {
		t.Errorf("made anew:\n%s\nbefore:\n%s", anew, live)
	}
	if alone := fromFiles(t, journalFiles(t, w.dataDir())...); alone != live {
		t.Errorf("from the journal alone:\n%s\nthe store:\n%s", alone, live)
	}
}

// wait lets time pass while the bridge is under load.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// inventoryOf is what `drawbridge inventory` prints of a configuration's data directory.
func inventoryOf(t *testing.T, config string) string {
	t.Helper()
	var out, fault bytes.Buffer
	if code := run(t.Context(), []string{"inventory", "--config", config, "--format", "json"}, &out, &fault); code != exitDone {
		t.Fatalf("inventory: exit %d: %s", code, &fault)
	}
	return out.String()
}

func journalFiles(t *testing.T, dataDir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dataDir, ledger.JournalFolder, "*.jsonl*"))
	must(t, err)
	return files
}

// crowd are devices that log in and out, one login after the other, whatever becomes of the bridge.
type crowd struct {
	address  string
	stop     context.CancelFunc
	done     sync.WaitGroup
	admitted [8]atomic.Int64 // OKs that the devices read
}

func newCrowd(t *testing.T, address string) *crowd {
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{address: address, stop: stop}
	for i := range c.admitted {
		c.done.Go(func() { c.play(ctx, i) })
	}
	t.Cleanup(c.leave)
	return c
}

// source is the address of the i-th device.
func (c *crowd) source(i int) string { return fmt.Sprintf("127.2.0.%d", i+1) }

func (c *crowd) leave() {
	c.stop()
	c.done.Wait()
}

func (c *crowd) play(ctx context.Context, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		if err := c.visit(ctx, i, n%3 == 0); err != nil {
			select {
			case <-time.After(20 * time.Millisecond): // the bridge is down
			case <-ctx.Done():
			}
		}
	}
}

// visit logs in once; a device that stays hears the bridge die.
func (c *crowd) visit(ctx context.Context, i int, stays bool) error {
	dialer := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.source(i))}}
	raw, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	_ = raw.SetDeadline(time.Now().Add(5 * time.Second))
	conn := tls.Client(raw, deviceConfig(tls.VersionTLS10))
	r := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "a LOGIN fax@contoso.example right\r\n"); err != nil {
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "a OK") {
			c.admitted[i].Add(1)
			break
		}
		if strings.HasPrefix(line, "a ") {
			return nil
		}
	}
	if stays {
		_ = raw.SetDeadline(time.Now().Add(300 * time.Millisecond))
		_, _ = r.ReadString('\n')
		return nil
	}
	_, err = io.WriteString(conn, "b LOGOUT\r\n")
	_, _ = io.Copy(io.Discard, r)
	return err
}

// compare holds the inventory against what the devices saw, and against the journal as the test itself reads it.
func (c *crowd) compare(t *testing.T, w *world) {
	t.Helper()
	var got struct{ Devices []inventory.Device }
	must(t, json.Unmarshal([]byte(inventoryOf(t, filepath.Join(w.dir, "drawbridge.yaml"))), &got))
	counted := make(map[string]inventory.Device)
	for _, d := range got.Devices {
		counted[d.ID] = d
	}
	told := sessionsIn(t, journalFiles(t, w.dataDir()))
	cut := int64(0)
	for i := range c.admitted {
		id := c.source(i) + "/fax@contoso.example"
		d, seen := counted[id], c.admitted[i].Load()
		cut += d.Outcomes[inventory.OutcomeCut]
		if d.Sessions < seen {
			t.Errorf("%s: %d sessions in the inventory, and the device saw %d admitted", id, d.Sessions, seen)
		}
		if n := int64(len(told[id])); d.Sessions != n {
			t.Errorf("%s: %d sessions in the inventory, the journal tells of %d", id, d.Sessions, n)
		}
		if seen == 0 {
			t.Errorf("%s was never admitted", id)
		}
	}
	if cut == 0 {
		t.Error("no session was cut by 50 kills: the test did not test anything")
	}
}

// sessionsIn reads journals by encoding/json: the ids of the sessions that were admitted or ended, by device. A session
// that ended twice is a fault.
func sessionsIn(t *testing.T, files []string) map[string]map[string]bool {
	t.Helper()
	byDevice, ended := make(map[string]map[string]bool), make(map[string]bool)
	for _, name := range files {
		for line := range bytes.Lines(plainText(t, name)) {
			var l struct {
				Msg, Device string
				SessionID   string `json:"session_id"`
			}
			if json.Unmarshal(line, &l) != nil || l.SessionID == "" {
				continue
			}
			if l.Msg == inventory.MessageSession {
				if ended[l.SessionID] {
					t.Errorf("session %s has two records", l.SessionID)
				}
				ended[l.SessionID] = true
			}
			if byDevice[l.Device] == nil {
				byDevice[l.Device] = make(map[string]bool)
			}
			byDevice[l.Device][l.SessionID] = true
		}
	}
	return byDevice
}

func plainText(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	if filepath.Ext(name) != ".zst" {
		return data
	}
	d, err := zstd.NewReader(nil)
	must(t, err)
	defer d.Close()
	plain, err := d.DecodeAll(data, nil)
	must(t, err)
	return plain
}
