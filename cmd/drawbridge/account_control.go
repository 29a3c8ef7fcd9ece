package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"drawbridge/internal/accounts"
)

// The paths of the control socket that change accounts.
const (
	pathAdd     = "/accounts/add"
	pathImport  = "/accounts/import"
	pathRemove  = "/accounts/remove"
	pathUnknown = "/accounts/unknown"
	pathLogin   = "/accounts/login"
)

// What a question may be: an import of 20,000 lines has a hash in each.
const maxQuestion = 64 << 20 // bytes

// signInTime is how long a sign-in may take: Entra's codes live 15 minutes.
const signInTime = 30 * time.Minute

// refusalBody is how the bridge says no.
type refusalBody struct {
	Error string `json:"error"`
}

// accountsHandler changes the bridge's accounts by what its owner asks on the control socket.
func (b *bridge) accountsHandler(mux *http.ServeMux) {
	mux.HandleFunc("POST "+pathAdd, answering(b.keeper.add))
	mux.HandleFunc("POST "+pathImport, answering(b.keeper.take))
	mux.HandleFunc("POST "+pathRemove, answering(b.keeper.remove))
	mux.HandleFunc("POST "+pathUnknown, answering(b.unknownLogins))
	mux.HandleFunc("POST "+pathLogin, b.serveLogin)
}

// answering makes a handler of a function.
func answering[Q, A any](do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		question, ok := readQuestion[Q](w, r)
		if !ok {
			return
		}
		answer, err := do(r.Context(), question)
		if err != nil {
			refuse(w, http.StatusUnprocessableEntity, err)
			return
		}
		_ = json.NewEncoder(w).Encode(answer) // who asked has gone, if it fails
	}
}

func readQuestion[Q any](w http.ResponseWriter, r *http.Request) (question Q, ok bool) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	d.DisallowUnknownFields()
	if err := d.Decode(&question); err != nil {
		// Not the decoder's words: they may quote a password.
		refuse(w, http.StatusBadRequest, errors.New("the bridge cannot read what the command asked: run the command of the bridge's own version (drawbridge version)"))
		return question, false
	}
	return question, true
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(refusalBody{Error: err.Error()})
}

func (b *bridge) unknownLogins(context.Context, done) ([]unknownLogin, error) {
	list := []unknownLogin{}
	for _, u := range b.unknown.List() {
		add, _ := accounts.AddLine(u.Login, u.Source)
		list = append(list, unknownLogin{Login: u.Login, Source: u.Source.String(), Protocol: u.Protocol, Count: u.Count,
			First: u.First.UTC(), Last: u.Last.UTC(), Add: add})
	}
	return list, nil
}

// loginLine is one line of the answer to a sign-in: the prompt at once, and at the end whether it worked.
type loginLine struct {
	Prompt *prompt `json:"prompt,omitempty"`
	Done   bool    `json:"done,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// serveLogin signs in for a mailbox. It lasts until a person has, or who asked has gone, or the bridge ends.
func (b *bridge) serveLogin(w http.ResponseWriter, r *http.Request) {
	s, ok := readQuestion[signIn](w, r)
	if !ok {
		return
	}
	u := b.services[s.Upstream]
	if u == nil || u.Tokens == nil {
		refuse(w, http.StatusUnprocessableEntity, fmt.Errorf("the running bridge has no upstream %s that takes tokens: restart it, so that it reads its configuration again", s.Upstream))
		return
	}
	answer := http.NewResponseController(w)
	end := time.Now().Add(signInTime)
	_ = answer.SetReadDeadline(end) // else the server's own would end it; a connection without deadlines has none to outlive
	_ = answer.SetWriteDeadline(end)
	say := func(l loginLine) {
		_ = json.NewEncoder(w).Encode(l)
		_ = answer.Flush()
	}
	err := u.Tokens.Login(r.Context(), s.Mailbox, func(code, url string) { say(loginLine{Prompt: &prompt{Code: code, URL: url}}) })
	if err != nil {
		say(loginLine{Error: err.Error()})
		return
	}
	say(loginLine{Done: true})
}
