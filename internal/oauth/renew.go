package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// entry returns the entry of key, a new one where there is none. The caller holds the mutex.
func (s *Source) entry(key string, now time.Time) (*entry, error) {
	e, ok := s.entries[key]
	if !ok {
		if len(s.entries) >= maxEntries && !s.evict() {
			return nil, s.narrator.full()
		}
		e = new(entry)
		s.entries[key] = e
	}
	e.used = now
	return e, nil
}

// evict makes room by the entry that was not used for longest, and reports whether there was one.
func (s *Source) evict() bool {
	var oldest string
	for key, e := range s.entries {
		if e.flight != nil { // somebody waits for what it brings
			continue
		}
		if oldest == "" || e.used.Before(s.entries[oldest].used) {
			oldest = key
		}
	}
	delete(s.entries, oldest)
	return oldest != ""
}

// result is what one request came to.
type result struct {
	token Token
	fault *Error
	scope scope
	began time.Time
}

// scope is whose requests rest after a fault.
type scope int

const (
	nobodys   scope = iota // no request was made, or the fault is another's to remember
	entrys                 // of this token
	everybody              // of all: the authority is down, or wants to be left alone
)

// begin starts the request of an entry. The caller holds the mutex.
func (s *Source) begin(key string, e *entry, r Request) {
	ctx, cancel := context.WithCancel(context.Background())
	e.flight = &flight{done: make(chan struct{}), cancel: cancel}
	s.group.Add(1)
	go s.renew(ctx, key, e, r)
}

// renew makes one request and tells all who wait. It is a flight's goroutine.
func (s *Source) renew(ctx context.Context, key string, e *entry, r Request) {
	defer s.group.Done()
	got := s.fetch(ctx, r)
	got.token.key = key
	s.mu.Lock()
	defer s.mu.Unlock()
	f := e.flight
	defer close(f.done)
	f.cancel()
	e.flight = nil
	now := time.Now()
	if got.fault == nil && e.refused && got.token.is(e.token) {
		got.fault, got.scope = s.narrator.unchanged(), entrys
		e.refused = false
	}
	if got.fault != nil {
		f.err = got.fault
		s.failed(key, e, got, now)
		return
	}
	e.token, e.fetched, e.renewed, e.refused = got.token, now, now, false
	e.pause.succeeded()
	s.pause.succeeded()
}

// failed remembers a failed request. A wrong password is not remembered here: whoever counts guesses does. What is kept
// for it goes, since the entry is that password's alone.
func (s *Source) failed(key string, e *entry, got result, now time.Time) {
	switch {
	case got.fault.Class == WrongPassword:
		if s.entries[key] == e {
			delete(s.entries, key)
		}
	case got.scope == everybody:
		s.pause.failed(got.began, now, got.fault)
	case got.scope == entrys:
		e.pause.failed(got.began, now, got.fault)
	}
}

// fetch makes one request within its deadline, when there is a slot and still reason to ask.
func (s *Source) fetch(ctx context.Context, r Request) result {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return result{fault: s.narrator.closing()}
	}
	if why := s.resting(); why != nil {
		return result{fault: why}
	}
	began := time.Now()
	asked, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	asked, x := withLastRequest(asked)
	token, err := s.ask(asked, r)
	if ctx.Err() != nil {
		return result{fault: s.narrator.closing()}
	}
	if err == nil {
		if err := token.check(time.Now()); err != nil {
			return result{fault: s.narrator.unusable(err), scope: entrys, began: began}
		}
		return result{token: token}
	}
	fault, scope := s.narrator.fault(x.outcome(), err, r.Mailbox)
	return result{fault: fault, scope: scope, began: began}
}

// ask is the fetcher's fetch. MSAL reads what a stranger may have sent: what that makes it do is one request's fault.
func (s *Source) ask(ctx context.Context, r Request) (token Token, err error) {
	defer func() {
		if recover() != nil {
			err = s.narrator.unusable(errors.New("an answer that the token library cannot read"))
		}
	}()
	return s.fetcher.fetch(ctx, r)
}

// resting returns why no request is made now, if none is: while this one waited for its slot others may have failed.
func (s *Source) resting() *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pause.holds(time.Now()) {
		return s.pause.why
	}
	return nil
}

// keyring names the entries. Where a token is a user's it is kept by mailbox and protocol, and where the password is
// what Entra ID checked also by that: a token never serves a login with another password.
type keyring struct {
	flow   Flow
	secret [sha256.Size]byte
}

func newKeyring(f Flow) keyring {
	k := keyring{flow: f}
	_, _ = rand.Read(k.secret[:]) // never fails
	return k
}

func (k *keyring) of(r Request) string {
	switch k.flow {
	case DeviceCode:
		return r.Protocol + " " + strings.ToLower(r.Mailbox)
	case Password:
		mac := hmac.New(sha256.New, k.secret[:])
		mac.Write([]byte(r.Password.Reveal()))
		return r.Protocol + " " + strings.ToLower(r.Mailbox) + " " + hex.EncodeToString(mac.Sum(nil))
	}
	return "application"
}
