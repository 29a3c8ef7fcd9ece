// Package memory gives memory back to the operating system when the bridge falls quiet.
//
// A bridge idles most of the time, holding sessions in IDLE. What the last burst of logins left as garbage would stay until
// the next one fills the heap, while a silent session is to hold little memory.
package memory

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When memory is given back.
const (
	tidyInterval = 4 * time.Second
	quietRate    = 256 << 10 // bytes allocated a second: a handful of logins
	worthTidying = 4 << 20   // bytes
)

// heap is what runtime/metrics says of the heap, in bytes.
type heap struct{ allocated, live, objects, free uint64 }

func readHeap() heap {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()}
}

// tidies reports whether a heap that was before an interval earlier is quiet and holds what is worth giving back.
func (h heap) tidies(before heap) bool {
	quiet := h.allocated-before.allocated < uint64(tidyInterval/time.Second)*quietRate
	garbage := uint64(0)
	if h.objects > h.live {
		garbage = h.objects - h.live
	}
	return quiet && garbage+h.free > max(worthTidying, h.live/4)
}

// Tidy gives memory back whenever the process falls quiet, until ctx ends.
func Tidy(ctx context.Context) {
	ticker := time.NewTicker(tidyInterval)
	defer ticker.Stop()
	before := readHeap()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		now := readHeap()
		if now.tidies(before) {
			debug.FreeOSMemory()
			now = readHeap()
		}
		before = now
	}
}
