// Package control is the socket of a data directory, control.sock, from both ends. Handler is what the running bridge
// answers there, RemoteAccounts, RemoteStock, Certificates and Ready are how commands ask it. Each question is a call, which says once for
// both ends its path and what goes over the wire: JSON over HTTP, by a socket that only the bridge's owner can open.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"drawbridge/certs"
	"drawbridge/internal/web"
)

// maxQuestion bounds a question in bytes: an import of 20,000 lines has a hash in each.
const maxQuestion = 64 << 20

// How long an answer may take.
const (
	readyTime     = 5 * time.Second
	answerTime    = 30 * time.Second
	inventoryTime = 10 * time.Minute // it may be of 50,000 devices, or a store made anew
	signInTime    = 30 * time.Minute // Entra's codes live 15 minutes
)

// within is how long the answer to the question at path may take.
func within(path string) time.Duration {
	switch {
	case path == string(signIn):
		return signInTime
	case strings.HasPrefix(path, "/inventory/"):
		return inventoryTime
	}
	return answerTime
}

// call is one question for both ends: its path, with the types of what is asked and of what is answered.
type call[Q, A any] string

// done is a question, or an answer, that says nothing more.
type done struct{}

// refusal is how the bridge says no.
type refusal struct {
	Error string `json:"error"`
}

// Options are what a Handler serves. All are asked by any goroutine.
type Options struct {
	Readiness func() web.Readiness
	Accounts  Accounts
	Unknown   Unknown
	// Stock is called at each question, and may bring the inventory up to now first.
	Stock        func(context.Context) Stock
	Certificates func() []certs.Facts
}

// Handler answers what the owner of the data directory asks: the bridge's health, and the questions of RemoteAccounts and
// RemoteStock. Those that take long have longer than the http.Server's own deadlines.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", web.Health(o.Readiness))
	serveAccounts(mux, o.Accounts, o.Unknown)
	serveStock(mux, o.Stock)
	serveCertificates(mux, o.Certificates)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limit := within(r.URL.Path); limit > answerTime {
			answer, end := http.NewResponseController(w), time.Now().Add(limit)
			_ = answer.SetReadDeadline(end) // a connection without deadlines has none to outlive
			_ = answer.SetWriteDeadline(end)
		}
		mux.ServeHTTP(w, r)
	})
}

// serve has do answer the call.
func (c call[Q, A]) serve(mux *http.ServeMux, do func(context.Context, Q) (A, error)) {
	c.handle(mux, func(w http.ResponseWriter, r *http.Request, question Q) {
		answer, err := do(r.Context(), question)
		if err != nil {
			refuse(w, http.StatusUnprocessableEntity, err)
			return
		}
		_ = json.NewEncoder(w).Encode(answer) // who asked has gone, if it fails
	})
}

// handle has do write what answers the call.
func (c call[Q, A]) handle(mux *http.ServeMux, do func(http.ResponseWriter, *http.Request, Q)) {
	mux.HandleFunc("POST "+string(c), func(w http.ResponseWriter, r *http.Request) {
		var question Q
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
		d.DisallowUnknownFields()
		if err := d.Decode(&question); err != nil {
			// Not the decoder's words: they may quote a password.
			refuse(w, http.StatusBadRequest, errors.New("the bridge cannot read what the command asked: "+
				"run the command of the bridge's own version (drawbridge version)"))
			return
		}
		do(w, r, question)
	})
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(refusal{Error: err.Error()})
}

// quiet makes do a call's answer that says no more than that it was done.
func quiet[Q any](do func(context.Context, Q) error) func(context.Context, Q) (done, error) {
	return func(ctx context.Context, question Q) (done, error) { return done{}, do(ctx, question) }
}

// NoBridge says that no bridge runs on a data directory. What the socket says of that, which it wraps, tells nobody more.
type NoBridge struct {
	dir string
	err error
}

// Error implements error.
func (e *NoBridge) Error() string {
	return "no bridge answers in " + e.dir + ": start it with drawbridge serve, or name its configuration with --config"
}

// Unwrap returns what the socket said.
func (e *NoBridge) Unwrap() error { return e.err }

// Ready asks the bridge that has the data directory dir whether it is ready. The error is a *NoBridge where none answers
// within 5 s.
func Ready(ctx context.Context, dir string) (ready web.Readiness, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", nil)
	if err != nil {
		return ready, err
	}
	resp, err := client(dir, readyTime).Do(req)
	if err != nil {
		return ready, &NoBridge{dir, err}
	}
	err = decode(dir, resp.Body, &ready)
	return ready, err
}

// ask puts the question to the running bridge that has the data directory dir.
func (c call[Q, A]) ask(ctx context.Context, dir string, question Q) (answer A, err error) {
	body, err := c.post(ctx, dir, question)
	if err != nil {
		return answer, err
	}
	err = decode(dir, body, &answer)
	return answer, err
}

// tell is ask where the answer says no more than that it was done.
func (c call[Q, A]) tell(ctx context.Context, dir string, question Q) error {
	_, err := c.ask(ctx, dir, question)
	return err
}

// decode reads an answer, and closes it.
func decode(dir string, body io.ReadCloser, answer any) error {
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("the bridge in %s gave an answer that cannot be read: %w", dir, err)
	}
	return nil
}

// post returns the body of the bridge's answer, where it is no refusal. The error is a *NoBridge where none could be asked.
func (c call[Q, A]) post(ctx context.Context, dir string, question Q) (io.ReadCloser, error) {
	text, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+string(c), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := client(dir, within(string(c))).Do(req)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return nil, &NoBridge{dir, err}
	}
	if err != nil {
		return nil, fmt.Errorf("ask the bridge in %s: %w: look at its log, and whether it did what was asked", dir, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	var no refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxQuestion)).Decode(&no); err != nil || no.Error == "" {
		return nil, fmt.Errorf("the bridge in %s does not know what it was asked (%s): restart it with this version of drawbridge",
			dir, resp.Status)
	}
	return nil, errors.New(no.Error)
}
