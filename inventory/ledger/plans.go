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

// plans are the stages and deadlines that people set for devices, which come before all rules. They are a copy of the
// inventory's: a login must not wait for a store. A last copy is kept in the data directory, so that a bridge which cannot
// reach its store at start still blocks what it blocked before. Its methods are safe for concurrent use.
type plans struct {
	path string
	set  atomic.Pointer[planTable]
}

// planTable is what is set at one time. It is not changed any more.
type planTable struct {
	byID     map[string]inventory.Plan
	bySource map[string]map[string]inventory.Plan // by source, then by account
}

func newPlanTable(byID map[string]inventory.Plan) *planTable {
	t := &planTable{byID: byID, bySource: make(map[string]map[string]inventory.Plan)}
	for id, plan := range byID {
		source, account, _ := strings.Cut(id, "/") // no source has a slash
		if t.bySource[source] == nil {
			t.bySource[source] = make(map[string]inventory.Plan)
		}
		t.bySource[source][account] = plan
	}
	return t
}

// keptPlan is a Plan as the copy has it: a stage alone is a text, as it was before deadlines decided anything.
type keptPlan inventory.Plan

// planObject is a keptPlan with a deadline.
type planObject struct {
	Stage    inventory.Stage `json:"stage,omitempty"`
	Deadline string          `json:"deadline"`
}

// MarshalJSON implements json.Marshaler.
func (k keptPlan) MarshalJSON() ([]byte, error) {
	if k.Deadline == "" {
		return json.Marshal(k.Stage)
	}
	return json.Marshal(planObject(k))
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *keptPlan) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &k.Stage); err == nil {
		return nil
	}
	return json.Unmarshal(data, (*planObject)(k))
}

// openPlans reads the last copy; without one nothing is set.
func openPlans(path string) (*plans, error) {
	p := &plans{path: path}
	kept := map[string]keptPlan{}
	data, err := os.ReadFile(path) //nolint:gosec // in the data directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the stages that devices were set to: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &kept); err != nil {
			return nil, fmt.Errorf("read the stages that devices were set to: %w: remove %s, the inventory has them", err, path)
		}
	}
	byID := make(map[string]inventory.Plan, len(kept))
	for id, plan := range kept {
		byID[id] = inventory.Plan(plan)
	}
	p.set.Store(newPlanTable(byID))
	return p, nil
}

// of returns what was set for the devices of a source, by account.
func (p *plans) of(source string) map[string]inventory.Plan {
	return p.set.Load().bySource[source]
}

// replace takes over what the inventory says: for every id, by key, what is set.
func (p *plans) replace(settings map[string]map[string]string) error {
	byID, kept := make(map[string]inventory.Plan), make(map[string]keptPlan)
	for id, values := range settings {
		plan := inventory.Plan{Stage: inventory.Stage(values[inventory.KeyStage]), Deadline: values[inventory.KeyDeadline]}
		if plan != (inventory.Plan{}) {
			byID[id], kept[id] = plan, keptPlan(plan)
		}
	}
	if maps.Equal(byID, p.set.Load().byID) {
		return nil
	}
	p.set.Store(newPlanTable(byID))
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := wholefile.Write(p.path, 0o600, wholefile.Bytes(data)); err != nil {
		return fmt.Errorf("keep the stages that devices were set to: %w", err)
	}
	return nil
}
