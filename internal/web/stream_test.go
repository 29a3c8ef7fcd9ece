package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// hoard is an inventory of the largest records there are.
type hoard struct {
	memory
	record json.RawMessage
}

const hoarded = 1000

func newHoard() *hoard {
	return &hoard{record: json.RawMessage(`{"client_id":{"name":"` + strings.Repeat("'", 54<<10) + `"}}`)}
}

func (h *hoard) Sessions(_ context.Context, q inventory.SessionQuery) ([]inventory.StoredSession, error) {
	first := 0
	if q.BeforeID != "" {
		_, _ = fmt.Sscanf(q.BeforeID, "s%04d", &first)
		first++
	}
	var some []inventory.StoredSession
	for i := first; i < min(hoarded, first+q.Limit); i++ {
		some = append(some, inventory.StoredSession{ID: fmt.Sprintf("s%04d", i), StartedAt: now, Outcome: "bridged", Record: h.record})
	}
	return some, nil
}

func (h *hoard) devices(q inventory.Query) (some []inventory.Device) {
	for i := range min(hoarded, q.Limit) {
		some = append(some, inventory.Device{ID: fmt.Sprintf("10.0.0.1/%04d", i), Hello: h.record})
	}
	return some
}

func (h *hoard) Devices(_ context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	return h.devices(q), hoarded, nil
}

func (h *hoard) EachDevice(_ context.Context, q inventory.Query, do func(*inventory.Device) error) (int, error) {
	for _, d := range h.devices(q) {
		if err := do(&d); err != nil {
			return hoarded, err
		}
	}
	return hoarded, nil
}

// manyLive are as many sessions as a listener takes by default.
func manyLive() []watch.Session {
	all := make([]watch.Session, 10_000)
	for i := range all {
		all[i] = watch.Session{ID: fmt.Sprint(i), Device: strings.Repeat("d", 100), Account: strings.Repeat("a", 100),
			Mailbox: strings.Repeat("m", 100)}
	}
	return all
}

// heldOnce is how much memory is held once what is under way has come to its wait, which on a busy machine takes a while: the first
// figure that is not above most, else the least of ten seconds.
func heldOnce(most uint64) uint64 {
	least := uint64(math.MaxUint64)
	for range 100 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if least = min(least, m.HeapAlloc); least <= most {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return least
}

// TestLists_UnreadAnswersHoldLittle asks for the largest lists many times over and reads nothing.
func TestLists_UnreadAnswersHoldLittle(t *testing.T) {
	for _, path := range []string{"/api/sessions?limit=1000", "/api/devices?limit=1000", "/sessions", "/devices", "/api/live"} {
		o := options(nil)
		o.Reader, o.Editor, o.VerifyPassword, o.Live = newHoard(), nil, nil, manyLive
		s := httptest.NewServer(web.New(o))
		ctx, cancel := context.WithCancel(t.Context())
		var begun sync.WaitGroup
		for range 64 {
			begun.Go(func() {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				context.AfterFunc(ctx, func() { _ = c.Close() })
				_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				_, _ = c.Read(make([]byte, 1)) // it is being answered, or has to wait
			})
		}
		begun.Wait()
		const most = 64 << 20
		if held := heldOnce(most); held > most {
			t.Errorf("%s: 64 unread answers hold %d MiB", path, held>>20)
		}
		cancel()
		s.CloseClientConnections()
		s.Close()
	}
}

// TestSessions_PageIsBounded shows records of what HTML writes longest, as many sessions going on as there may be beside them.
func TestSessions_PageIsBounded(t *testing.T) {
	o := options(nil)
	o.Reader, o.Editor, o.VerifyPassword, o.Live = newHoard(), nil, nil, manyLive
	b := browse(t, o)
	a := b.get("/sessions")
	b.want(a, http.StatusOK, "the whole record is in /api/sessions")
	if len(a.body) > 4<<20 {
		t.Errorf("the page has %d KiB, want 4 MiB at most", len(a.body)>>10)
	}
}

// TestLists_ComeWhole reads what is streamed, page after page, and one of a store that fails on the way.
func TestLists_ComeWhole(t *testing.T) {
	o := options(nil)
	o.Reader, o.Editor, o.VerifyPassword, o.Live = newHoard(), nil, nil, nil
	b := browse(t, o)
	for path, want := range map[string]int{"/api/sessions?limit=1000": 1000, "/api/sessions": 100, "/api/sessions?limit=33": 33,
		"/api/devices?limit=7": 7} {
		var answer struct {
			Sessions, Devices []struct {
				ID string `json:"session_id"`
			}
			Total int
		}
		a := b.get(path)
		b.want(a, http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &answer); err != nil || len(answer.Sessions)+len(answer.Devices) != want {
			t.Errorf("%s: %d rows, want %d: %v", path, len(answer.Sessions)+len(answer.Devices), want, err)
		}
		seen := map[string]bool{}
		for _, s := range answer.Sessions {
			if seen[s.ID] {
				t.Errorf("%s: %s came twice", path, s.ID)
			}
			seen[s.ID] = true
		}
		if a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s is %q", path, a.header.Get("Content-Type"))
		}
	}
	o.Reader = &memory{}
	none := browse(t, o)
	none.want(none.get("/api/devices"), http.StatusOK, `{"devices":[],"total":0}`)
}
