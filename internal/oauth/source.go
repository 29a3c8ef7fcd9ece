package oauth

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Source gives out the tokens of one upstream. It is safe for concurrent use; Close ends its requests.
type Source struct {
	settings settings
	narrator narrator
	fetcher  fetcher
	client   *http.Client
	keys     keyring
	slots    chan struct{}  // one for each request under way
	group    sync.WaitGroup // of them all

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry
	pause   pause // of all entries: the authority is down, or wants to be left alone
}

// fetcher makes one request for a token, past every cache. What went wrong is read from the lastRequest of ctx.
type fetcher interface {
	fetch(ctx context.Context, r Request) (Token, error)
}

// New returns a Source. It uses no network; the error joins what is wrong with o, each fault with its mend.
func New(o Options) (*Source, error) {
	s, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := newFlowClient(&s)
	if err != nil {
		return nil, fmt.Errorf("oauth2 of upstream %s: %w", o.Name, err)
	}
	f, err := newFetcher(&s, client)
	if err != nil {
		return nil, fmt.Errorf("oauth2 of upstream %s: %w", o.Name, err)
	}
	return &Source{
		settings: s, narrator: newNarrator(&s), fetcher: f, client: client, keys: newKeyring(s.Flow),
		slots: make(chan struct{}, maxRequests), entries: make(map[string]*entry),
	}, nil
}

// newFlowClient returns the one client that all requests of a Source go through.
func newFlowClient(s *settings) (*http.Client, error) {
	if s.Flow == ManagedIdentity {
		// The machine's own metadata service answers for the one who asks: no proxy.
		return newClient(&observer{next: newTransport(s.dial)}), nil
	}
	return newAuthorityClient(s.authority, s.roots, s.dial)
}

// Close ends the requests under way and waits for them. Who waits for one reads an error.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	for _, e := range s.entries {
		if e.flight != nil {
			e.flight.cancel()
		}
	}
	s.mu.Unlock()
	s.group.Wait()
	s.client.CloseIdleConnections()
}

// Token returns a token for r, from memory where it can. The error is an *Error, or ctx's when that ends first: then
// the request goes on for the others. While Entra ID gives none, the last good token is given as long as it lives, and
// afterwards the last error at once.
func (s *Source) Token(ctx context.Context, r Request) (Token, error) {
	if e := s.check(r); e != nil {
		return Token{}, e
	}
	key := s.keys.of(r)
	for {
		v, f, token, err := s.look(key, r)
		if err != nil || !v.wait {
			return token, err
		}
		if err := f.wait(ctx, v.brief); err != nil {
			return Token{}, err
		}
		if token, err, over := s.landed(key, r, f); over {
			return token, err
		}
	}
}

// look decides about one caller, and begins the request that it needs.
func (s *Source) look(key string, r Request) (verdict, *flight, Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e, err := s.entry(key, now)
	if err != nil {
		return verdict{}, nil, Token{}, err
	}
	v := e.decide(now, r, !e.pause.holds(now) && !s.pause.holds(now) && !s.closed)
	if v.renew {
		s.begin(key, e, r)
	}
	if v.wait {
		return v, e.flight, Token{}, nil
	}
	token, err := s.outcome(v.serve, e, now)
	return v, nil, token, err
}

// landed is what a caller gets who waited for f: the token that there is now, or f's error. It is not over where the
// token died while its successor is still awaited.
func (s *Source) landed(key string, r Request, f *flight) (token Token, err error, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	if ok && e.decide(time.Now(), r, false).serve {
		return e.token, nil, true
	}
	select {
	case <-f.done:
	default:
		return Token{}, nil, false
	}
	if f.err != nil {
		return Token{}, f.err, true
	}
	return Token{}, s.narrator.stale(), true
}

// outcome is what a caller gets who need not wait.
func (s *Source) outcome(serve bool, e *entry, now time.Time) (Token, error) {
	switch {
	case serve:
		return e.token, nil
	case e.pause.holds(now):
		return Token{}, e.pause.why
	case s.pause.holds(now):
		return Token{}, s.pause.why
	case s.closed:
		return Token{}, s.narrator.closing()
	}
	return Token{}, s.narrator.stale()
}

// Rejected tells that the upstream refused t. The next call of Token fetches another one, however many ask for it, and
// Rejected reports true. It reports false, and t goes on serving other mailboxes, where t itself has just taken the place
// of a refused token: then it may not be the token that is at fault. While refusals go on the next one comes 15 s after
// the last, then twice as long each time, up to 5 minutes.
func (s *Source) Rejected(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[t.key]
	if !ok {
		return true
	}
	return e.refuse(t, time.Now())
}

// wait waits for the request, or for ctx; brief bounds the patience of a caller who has a token that serves.
func (f *flight) wait(ctx context.Context, brief bool) error {
	var over <-chan time.Time
	if brief {
		t := time.NewTimer(patience)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-f.done:
		return nil
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
