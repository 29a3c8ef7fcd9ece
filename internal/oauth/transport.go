package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"drawbridge/internal/chain"
	"drawbridge/internal/httpsproxy"
)

// Every bound of a request.
const (
	dialTimeout    = 10 * time.Second
	answerTimeout  = 20 * time.Second // of one HTTP request, its body included
	requestTimeout = 30 * time.Second // of one token, which may take three of them
	maxAnswer      = 256 << 10        // bytes of a body
	maxHeader      = 64 << 10
)

// dialer opens connections, as net.Dialer.DialContext does.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// errElsewhere says that a request was about to go to another host than the authority. It carries what it must not: a
// client secret or a device's password.
type errElsewhere struct{ host string }

func (e *errElsewhere) Error() string { return "a request to " + e.host + " was not made" }

// newAuthorityClient returns a client that speaks to u's host only, by HTTPS, through HTTPS_PROXY where it is set, and
// follows no redirect. The error says that HTTPS_PROXY names none.
func newAuthorityClient(u *url.URL, roots *x509.CertPool, dial dialer) (*http.Client, error) {
	through, err := httpsproxy.Choose(os.LookupEnv)
	var unreadable *httpsproxy.Error
	if errors.As(err, &unreadable) {
		return nil, fmt.Errorf("%w: %s", err, unreadable.Mend())
	}
	t := newTransport(dial)
	t.Proxy = func(r *http.Request) (*url.URL, error) { return through(r.URL) }
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, VerifyConnection: chain.Verify}
	return newClient(&observer{next: t, only: hostOf(u)}), nil
}

// newClient returns a client that follows no redirect.
func newClient(t *observer) *http.Client {
	return &http.Client{
		Transport:     t,
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport(dial dialer) *http.Transport {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        time.Minute,
		MaxConnsPerHost:        maxRequests,
		MaxIdleConnsPerHost:    2,
	}
}

// observer keeps of each answer what errors are made of, so that nothing need be read out of MSAL's, and bounds it.
type observer struct {
	next *http.Transport
	only string // the one host, as hostOf has it, that may be asked by HTTPS; empty: any
}

// RoundTrip makes one request and notes its outcome in the fetch's lastRequest.
func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	x := lastRequestOf(r.Context())
	x.asked(r.URL)
	if o.only != "" && (r.URL.Scheme != "https" || hostOf(r.URL) != o.only) {
		return nil, x.failed(&errElsewhere{host: r.URL.Host})
	}
	resp, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, x.failed(err)
	}
	body, err := readBounded(resp.Body)
	if err != nil {
		return nil, x.failed(fmt.Errorf("read the answer: %w", err))
	}
	x.answered(resp, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// hostOf is a URL's host, with its port where it is not that of HTTPS.
func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Host), ":443") }

// CloseIdleConnections lets http.Client close the connections that nobody uses.
func (o *observer) CloseIdleConnections() { o.next.CloseIdleConnections() }

func readBounded(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
		return nil, errors.New("it is longer than 256 KiB")
	}
	return b, nil
}

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
