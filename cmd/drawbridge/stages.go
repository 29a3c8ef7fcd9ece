package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync/atomic"

	"drawbridge/inventory"
)

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
	if err := replaceFile(s.path, data); err != nil {
		return fmt.Errorf("keep the stages that devices were set to: %w", err)
	}
	return nil
}

// replaceFile writes a file whole or not at all, for its owner alone.
func replaceFile(path string, data []byte) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // in the data directory
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(draft, path)
}
