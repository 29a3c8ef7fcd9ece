package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/fairqueue"
	"drawbridge/internal/source"
)

// Lists and exports go out as they are read. maxLists are under way at once, half of them for one address at most, since whoever
// reads slowly holds one; others wait for listWait, then they are told to come again. One that takes nothing for
// stallTime is cut.
const (
	maxLists        = 4
	maxListsEach    = 2
	maxListsWaiting = 32
	maxWaitingEach  = 8
	listWait        = 5 * time.Second
	listTime        = time.Minute
	stallTime       = 10 * time.Second
)

func newLists() *fairqueue.Slots[source.Key] {
	return fairqueue.NewSlots[source.Key](fairqueue.Bounds{All: maxLists, Each: maxListsEach, MaxWaiting: maxListsWaiting,
		MaxWaitEach: maxWaitingEach})
}

// list guards what answers with many rows: it waits for its turn.
func (d *dashboard) list(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := sourceOf(r)
		if !d.enterList(r.Context(), from) {
			refuseForNow(w, listWait)
			d.fail(w, r, http.StatusServiceUnavailable, "Other lists and exports are being made: try again in some seconds.")
			return
		}
		defer d.lists.Release(from)
		next(w, r)
	}
}

func (d *dashboard) enterList(ctx context.Context, from source.Key) bool {
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	return d.lists.Acquire(ctx, from) == nil
}

// stream is the body of an answer that goes out as it is made. It knows whether a byte of it was written.
type stream struct {
	w       http.ResponseWriter
	start   func() // sets the header
	started bool
}

func (s *stream) begin() {
	if !s.started {
		s.started = true
		s.start()
	}
}

// Write implements io.Writer. Who takes nothing for stallTime gets no more.
func (s *stream) Write(b []byte) (int, error) {
	s.begin()
	// A connection that has no deadlines, such as a test's, keeps its own bounds.
	_ = http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(stallTime))
	return s.w.Write(b)
}

// endStream ends an answer, or says what went wrong in making it.
func (d *dashboard) endStream(s *stream, w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
		s.begin() // an export may be empty
	case !s.started:
		d.failReading(w, r, err)
	default:
		if !errors.Is(err, os.ErrDeadlineExceeded) { // that is a reader who took nothing
			d.Log.Error("an answer ended early", zap.String("pattern", r.Pattern), zap.Error(err))
		}
		panic(http.ErrAbortHandler) // the connection breaks, so that half a file is not taken for a whole one
	}
}

// listStream is {"NAME":[…]} as it is made.
type listStream struct {
	*stream
	name string
	rows int
}

func newList(w http.ResponseWriter, name string) *listStream {
	return &listStream{name: name,
		stream: &stream{w: w, start: func() { w.Header().Set("Content-Type", "application/json") }}}
}

// add writes one row.
func (l *listStream) add(row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	before := ","
	if l.rows == 0 {
		before = l.head()
	}
	l.rows++
	_, err = l.Write(append([]byte(before), text...))
	return err
}

func (l *listStream) head() string { return `{"` + l.name + `":[` }

// endList writes what stands behind the rows, or says what went wrong.
func (d *dashboard) endList(l *listStream, w http.ResponseWriter, r *http.Request, more string, err error) {
	if err == nil {
		tail := "]" + more + "}\n"
		if l.rows == 0 {
			tail = l.head() + tail
		}
		_, err = io.WriteString(l.stream, tail)
	}
	d.endStream(l.stream, w, r, err)
}
