package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRetryAfter bounds what an authority may ask for.
const maxRetryAfter = time.Hour

// lastRequest is what came of the last request of one fetch.
type lastRequest struct {
	mu   sync.Mutex
	last outcome
}

// outcome is what one request came to.
type outcome struct {
	host   string
	path   string
	err    error // of the network; then there is no status
	status int
	retry  time.Duration
	answer answer
}

// answer is an error of Entra ID (RFC 6749, section 5.2), and of a UserRealm request the kind of account. What it
// describes in prose is not kept: it may quote the request.
type answer struct {
	Error       string `json:"error"`
	Codes       []int  `json:"error_codes"`
	Trace       string `json:"trace_id"`
	AccountType string `json:"account_type"`
}

type lastRequestKey struct{}

// withLastRequest returns a context whose requests are noted in the lastRequest.
func withLastRequest(ctx context.Context) (context.Context, *lastRequest) {
	x := new(lastRequest)
	return context.WithValue(ctx, lastRequestKey{}, x), x
}

// lastRequestOf returns the lastRequest of ctx, or one that nobody reads.
func lastRequestOf(ctx context.Context) *lastRequest {
	if x, ok := ctx.Value(lastRequestKey{}).(*lastRequest); ok {
		return x
	}
	return new(lastRequest)
}

func (x *lastRequest) asked(u *url.URL) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = outcome{host: u.Host, path: u.Path}
}

func (x *lastRequest) failed(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.err = err
	return err
}

func (x *lastRequest) answered(r *http.Response, body []byte) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		a = answer{} // not the half that was read
	}
	a.Trace = traceID(a.Trace)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.status = r.StatusCode
	x.last.retry = retryAfter(r.Header.Get("Retry-After"), time.Now())
	x.last.answer = a
}

func (x *lastRequest) outcome() outcome {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}

// stranger reports whether Entra ID said that it does not know an account's domain.
func (o outcome) stranger() bool {
	if o.status != http.StatusOK || !strings.Contains(o.path, "/UserRealm/") {
		return false
	}
	switch strings.ToLower(o.answer.AccountType) {
	case "", "managed", "federated":
		return false
	}
	return true
}

// retryAfter reads the header of that name, in seconds or as a date (RFC 9110, section 10.2.3); zero when it says
// nothing.
func retryAfter(value string, now time.Time) time.Duration {
	var d time.Duration
	if seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// traceID passes what looks like an id, and nothing else.
func traceID(s string) string {
	if len(s) > 64 || strings.Trim(s, "0123456789abcdefABCDEF-") != "" {
		return ""
	}
	return s
}
