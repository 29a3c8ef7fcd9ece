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

// exchange is what came of the last request of one fetch.
type exchange struct {
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

type exchangeKey struct{}

// withExchange returns a context whose requests are noted in the exchange.
func withExchange(ctx context.Context) (context.Context, *exchange) {
	x := new(exchange)
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// exchangeOf returns the exchange of ctx, or one that nobody reads.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (x *exchange) asked(u *url.URL) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = outcome{host: u.Host, path: u.Path}
}

func (x *exchange) failed(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.err = err
	return err
}

func (x *exchange) answered(r *http.Response, body []byte) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		a = answer{}
	}
	a.Trace = traceID(a.Trace)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.status = r.StatusCode
	x.last.retry = retryAfter(r.Header.Get("Retry-After"), time.Now())
	x.last.answer = a
}

func (x *exchange) outcome() outcome {
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
