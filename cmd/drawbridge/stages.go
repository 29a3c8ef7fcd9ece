package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/wholefile"
	"drawbridge/inventory"
	"drawbridge/proxy"
)

// defaultNotice is said to a device at stage warn.
const defaultNotice = "This device uses outdated encryption."

// setBy is what a record names as the rule that gave a stage which people set.
const setBy = "device"

// setStages are the stages that people set devices to, which come before all rules. They are a copy of the inventory's:
// a login must not wait for a store. A last copy is kept in the data directory, so that a bridge which cannot reach its
// store at start still blocks what it blocked before. Its methods are safe for concurrent use.
type setStages struct {
	path string
	byID atomic.Pointer[map[string]inventory.Stage]
}

// openSetStages reads the last copy; without one no stage is set.
func openSetStages(path string) (*setStages, error) {
	s := &setStages{path: path}
	stages := map[string]inventory.Stage{}
	data, err := os.ReadFile(path) //nolint:gosec // in the data directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the stages that devices were set to: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &stages); err != nil {
			return nil, fmt.Errorf("read the stages that devices were set to: %w: remove %s, the inventory has them", err, path)
		}
	}
	s.byID.Store(&stages)
	return s, nil
}

// of returns what a device was set to, empty where it was not.
func (s *setStages) of(device string) inventory.Stage {
	if s == nil {
		return ""
	}
	return (*s.byID.Load())[device]
}

// replace takes over what the inventory says: for every id, by key, what is set.
func (s *setStages) replace(settings map[string]map[string]string) error {
	stages := make(map[string]inventory.Stage)
	for id, values := range settings {
		if stage := values[inventory.KeyStage]; stage != "" {
			stages[id] = inventory.Stage(stage)
		}
	}
	if maps.Equal(stages, *s.byID.Load()) {
		return nil
	}
	s.byID.Store(&stages)
	data, err := json.Marshal(stages)
	if err != nil {
		return err
	}
	if err := wholefile.Write(s.path, 0o600, wholefile.Bytes(data)); err != nil {
		return fmt.Errorf("keep the stages that devices were set to: %w", err)
	}
	return nil
}

// stage decides at which stage a login is served that is not refused otherwise, and adds what that means. The password
// was checked here, or the refusal waits until the upstream or Entra ID has accepted it: a stranger learns no stage.
func (d *decider) stage(s *inventory.Session, account string, decision *proxy.Decision) {
	decision.Stage = inventory.StageBridge
	set := d.stages.of(s.DeviceOf(account))
	if set == "" {
		return
	}
	decision.Stage = set
	decision.Rules = maps.Clone(decision.Rules)
	if decision.Rules == nil {
		decision.Rules = make(map[string]string, 1)
	}
	decision.Rules["stage"] = setBy
	switch set {
	case inventory.StageWarn:
		decision.Notice = defaultNotice
	case inventory.StageBlock:
		d.block(decision)
	}
}

func (d *decider) block(decision *proxy.Decision) {
	refusal := proxy.Refuse(proxy.Blocked, "the device was set to stage block: set another stage if it is to read mail here again")
	refusal.Text = d.contact
	if decision.Checked {
		decision.Credential = blocked{refusal}
		return
	}
	decision.Then = refusal
}

// blocked is the Credential of a device that is not let in, whatever it presents: its upstream is not asked.
type blocked struct{ refusal *proxy.Refusal }

// Mechanisms implements proxy.Credential.
func (b blocked) Mechanisms(context.Context) ([]sasl.Client, error) { return nil, b.refusal }

// NotBefore implements proxy.Credential: the password was right.
func (blocked) NotBefore() time.Time { return time.Time{} }

// Refused implements proxy.Credential; nothing is presented that could be refused.
func (b blocked) Refused(context.Context, *proxy.Refusal) ([]sasl.Client, error) {
	return nil, b.refusal
}

// Result implements proxy.Credential.
func (blocked) Result(proxy.Verdict) {}
