package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxForm bounds the body of a request.
const maxForm = 256 << 10

// call is one request on its way to its answer.
type call struct {
	*Entra
	r     *http.Request
	now   time.Time
	fault *EntraFaults
	note  EntraRequest
}

// reply is an answer before it is written, so that the log has it first.
type reply struct {
	status     int
	kind       string // Content-Type
	location   string
	retryAfter time.Duration
	body       []byte
}

// on makes a handler of a step: it reads the form, carries faults out, logs and writes the answer.
func (e *Entra) on(flow Flow, step func(*call) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := r.ParseForm()
		c := &call{Entra: e, r: r, now: e.options.Now(), fault: e.faults.Load()}
		c.note = EntraRequest{
			At: c.now, Flow: flow, Path: r.URL.Path, Tenant: r.PathValue("tenant"),
			Client: r.Form.Get("client_id"), Form: maps.Clone(r.Form), Header: r.Header.Clone(),
		}
		if err != nil {
			c.write(w, reply{status: http.StatusBadRequest})
			return
		}
		if flow == OtherFlow {
			c.flow() // so that the log names it, whatever is answered; the step tells what is wrong with it
		}
		if !c.delayed(r.Context()) {
			return
		}
		answer, ok := c.faulty()
		if !ok {
			answer = step(c)
		}
		c.write(w, answer)
	}
}

// delayed waits as the faults want it; false: the request is not answered. One that hangs is logged before it does.
func (c *call) delayed(ctx context.Context) bool {
	if c.fault.Hangs {
		c.log.record.add(c.note)
		<-ctx.Done()
		return false
	}
	if wait(ctx, c.fault.Slow) {
		return true
	}
	c.log.record.add(c.note)
	return false
}

// faulty is the answer of a server that is not well.
func (c *call) faulty() (reply, bool) {
	switch f := c.fault; {
	case f.Redirect != "":
		return reply{status: http.StatusTemporaryRedirect, location: f.Redirect}, true
	case f.Status != 0:
		page := "<html><head><title>" + http.StatusText(f.Status) + "</title></head><body>Our services aren't available right now.</body></html>"
		return reply{status: f.Status, kind: "text/html", retryAfter: f.RetryAfter, body: []byte(page)}, true
	case f.Throttled:
		answer := c.refusal(refuse(90055, ""))
		answer.retryAfter = f.RetryAfter
		return answer, true
	case f.Garbage:
		return reply{status: http.StatusOK, kind: "text/html", body: []byte("<html>Sign in to the guest network {\x00\xff")}, true
	}
	return reply{}, false
}

func (c *call) write(w http.ResponseWriter, a reply) {
	c.note.Status = a.status
	c.log.record.add(c.note)
	header := w.Header()
	header.Set("Cache-Control", "no-store, no-cache")
	if a.kind != "" {
		header.Set("Content-Type", a.kind)
	}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	if a.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(a.retryAfter/time.Second)))
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// asJSON makes an answer of whatever encoding/json takes.
func asJSON(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil {
		return reply{status: http.StatusInternalServerError, kind: "text/plain", body: []byte(err.Error())}
	}
	return reply{status: status, kind: "application/json; charset=utf-8", body: body}
}

// refusal makes an answer of an error; whatever is no [entraError] is a fault of the stand-in.
func (c *call) refusal(err error) reply {
	var r *entraError
	if !errors.As(err, &r) {
		c.note.Error = err.Error()
		return reply{status: http.StatusInternalServerError, kind: "text/plain", body: []byte(err.Error())}
	}
	answer := r.answer(c.base(), c.now, newGUID(), c.correlation())
	c.note.Error, c.note.Code = answer.Error, max(r.code, 0)
	return asJSON(r.meaning().status, answer)
}

// correlation is what the program sent, or made up.
func (c *call) correlation() string {
	if id := c.r.Header.Get("client-request-id"); id != "" {
		return id
	}
	return newGUID()
}

// base is the authority under the name that the program used.
func (c *call) base() string { return "https://" + c.r.Host }

// newGUID returns a random one (RFC 9562, section 5.4).
func newGUID() string {
	return made(rand.Text())
}

// words splits a scope.
func words(scope string) []string {
	return slices.DeleteFunc(strings.Split(scope, " "), func(w string) bool { return w == "" })
}
