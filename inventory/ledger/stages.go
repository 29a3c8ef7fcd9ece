package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync/atomic"

	"drawbridge/internal/wholefile"
	"drawbridge/inventory"
)

// setStages are the stages that people set devices to, which come before all rules. They are a copy of the inventory's:
// a login must not wait for a store. A last copy is kept in the data directory, so that a bridge which cannot reach its
// store at start still blocks what it blocked before. Its methods are safe for concurrent use.
type setStages struct {
	path string
	set  atomic.Pointer[stageTable]
}

// stageTable is what is set at one time. It is not changed any more.
type stageTable struct {
	byID     map[string]inventory.Stage
	bySource map[string]map[string]inventory.Stage // by source, then by account
}

func newStageTable(byID map[string]inventory.Stage) *stageTable {
	t := &stageTable{byID: byID, bySource: make(map[string]map[string]inventory.Stage)}
	for id, stage := range byID {
		source, account, _ := strings.Cut(id, "/") // no source has a slash
		if t.bySource[source] == nil {
			t.bySource[source] = make(map[string]inventory.Stage)
		}
		t.bySource[source][account] = stage
	}
	return t
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
	s.set.Store(newStageTable(stages))
	return s, nil
}

// of returns what the devices of a source were set to, by account.
func (s *setStages) of(source string) map[string]inventory.Stage {
	return s.set.Load().bySource[source]
}

// replace takes over what the inventory says: for every id, by key, what is set.
func (s *setStages) replace(settings map[string]map[string]string) error {
	stages := make(map[string]inventory.Stage)
	for id, values := range settings {
		if stage := values[inventory.KeyStage]; stage != "" {
			stages[id] = inventory.Stage(stage)
		}
	}
	if maps.Equal(stages, s.set.Load().byID) {
		return nil
	}
	s.set.Store(newStageTable(stages))
	data, err := json.Marshal(stages)
	if err != nil {
		return err
	}
	if err := wholefile.Write(s.path, 0o600, wholefile.Bytes(data)); err != nil {
		return fmt.Errorf("keep the stages that devices were set to: %w", err)
	}
	return nil
}
