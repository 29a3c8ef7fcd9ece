package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
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
// follows no redirect.
func newAuthorityClient(u *url.URL, roots *x509.CertPool, dial dialer) *http.Client {
	through := httpproxy.FromEnvironment().ProxyFunc()
	t := newTransport(dial)
	t.Proxy = func(r *http.Request) (*url.URL, error) { return through(r.URL) }
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return newClient(&observer{next: t, only: hostOf(u)})
}

// newIdentityClient returns a client for the machine's own metadata service: no proxy, since it answers for the one who
// asks.
func newIdentityClient(dial dialer) *http.Client {
	return newClient(&observer{next: newTransport(dial)})
}

func newClient(t http.RoundTripper) *http.Client {
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
	next http.RoundTripper
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
func (o *observer) CloseIdleConnections() {
	if c, ok := o.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

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
