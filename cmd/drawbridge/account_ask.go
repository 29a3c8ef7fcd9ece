package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"drawbridge/config"
)

// How long the bridge may take for an answer, and how long a command waits for one that starts, or for another command.
const (
	answerTime = 30 * time.Second
	busyTime   = 5 * time.Second
	busyEvery  = 50 * time.Millisecond
)

// remoteAccounts asks the running bridge that has the data directory dir.
type remoteAccounts struct{ dir string }

func (r remoteAccounts) add(ctx context.Context, a addition) (addedAccount, error) {
	return ask[addedAccount](ctx, r.dir, pathAdd, a)
}

func (r remoteAccounts) take(ctx context.Context, i importation) (done, error) {
	return ask[done](ctx, r.dir, pathImport, i)
}

func (r remoteAccounts) remove(ctx context.Context, x removal) (done, error) {
	return ask[done](ctx, r.dir, pathRemove, x)
}

func (r remoteAccounts) login(ctx context.Context, s signIn, show func(prompt)) error {
	body, err := post(ctx, r.dir, pathLogin, s, signInTime)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	for d := json.NewDecoder(body); ; {
		var l loginLine
		switch err := d.Decode(&l); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return errors.New("the bridge ended before the sign-in: start it, and sign in again")
		case l.Error != "":
			return errors.New(l.Error)
		case l.Done:
			return nil
		case l.Prompt != nil:
			show(*l.Prompt)
		}
	}
}

// ask puts a question to the running bridge.
func ask[A any](ctx context.Context, dir, path string, question any) (answer A, err error) {
	return askWithin[A](ctx, dir, path, question, answerTime)
}

// askLong puts a question whose answer may take minutes.
func askLong[A any](ctx context.Context, dir, path string, question any) (answer A, err error) {
	return askWithin[A](ctx, dir, path, question, inventoryTime)
}

func askWithin[A any](ctx context.Context, dir, path string, question any, timeout time.Duration) (answer A, err error) {
	body, err := post(ctx, dir, path, question, timeout)
	if err != nil {
		return answer, err
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("the bridge in %s gave an answer that cannot be read: %w", dir, err)
	}
	return answer, nil
}

// post returns the body of the bridge's answer, where it is no refusal. The error is a *noBridge where none could be asked.
func post(ctx context.Context, dir, path string, question any, timeout time.Duration) (io.ReadCloser, error) {
	text, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := controlClient(dir, timeout).Do(req)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return nil, &noBridge{dir, err}
	}
	if err != nil {
		return nil, fmt.Errorf("ask the bridge in %s: %w: look at its log, and whether it did what was asked", dir, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	var no refusalBody
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxQuestion)).Decode(&no); err != nil || no.Error == "" {
		return nil, fmt.Errorf("the bridge in %s does not know what it was asked (%s): restart it with this version of drawbridge", dir, resp.Status)
	}
	return nil, errors.New(no.Error)
}

// withAccounts calls do with who changes the accounts: the running bridge, or, where none holds the data directory, this
// command under its lock. What it makes belongs to the directory's owner.
func withAccounts(ctx context.Context, cfg *config.Config, do func(accountChanger) error) error {
	return whileBusy(ctx, cfg, func() error { return changeAccounts(cfg, do) })
}

// whileBusy tries again while another command holds the data directory.
func whileBusy(ctx context.Context, cfg *config.Config, try func() error) error {
	deadline := time.NewTimer(busyTime)
	defer deadline.Stop()
	tick := time.NewTicker(busyEvery)
	defer tick.Stop()
	for {
		err := try()
		busy := (*noBridge)(nil)
		if !errors.As(err, &busy) {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("another drawbridge has the data directory %s and does not answer (%w): wait until it is through, or stop it", cfg.DataDir, busy.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func changeAccounts(cfg *config.Config, do func(accountChanger) error) error {
	d, err := openDataDir(cfg.DataDir)
	if errors.Is(err, errLocked) {
		return do(remoteAccounts{cfg.DataDir})
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	err = do(localAccounts{newKeeper(cfg, d.path)})
	return errors.Join(err, keepOwners(d.path, lockFile, accountsFolder, tokensFolder, tokenKeyFile))
}
