package advice

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"drawbridge/inventory"
)

//go:embed stacks.csv categories.csv platforms.csv sentences.csv
var tables embed.FS

// Advisor judges devices by its tables. It does not change after New and is safe for concurrent use.
type Advisor struct {
	stacks    stacks
	signs     []sign
	platforms []platform
	sentences map[sentenceKey][]inventory.Advice
}

// New reads the tables. Its errors name the table and the line, and are faults of this program, never of its user.
func New() (*Advisor, error) {
	a := &Advisor{sentences: make(map[sentenceKey][]inventory.Advice)}
	for _, t := range []struct {
		name    string
		columns int
		add     func(row []string) error
	}{
		{"stacks.csv", 5, a.stacks.add},
		{"categories.csv", 6, a.addSign},
		{"platforms.csv", 9, a.addPlatform},
		{"sentences.csv", 6, a.addSentence},
	} {
		if err := readTable(t.name, t.columns, t.add); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Judge fills in the Category of d, unless a person set it, and its Evidence, Stack, NextStep and Advice, from its other
// fields. What these held before does not matter, so judging twice changes nothing. It is an [inventory.Advisor].
func (a *Advisor) Judge(d *inventory.Device) {
	s := look(d)
	s.stack = a.Stack(s.ja3, s.ja4)
	s.stackName, s.programs = lower(s.stack.Name), lower(s.stack.Programs)
	d.Stack = s.stack.Name
	guess := a.guess(&s)
	if !d.CategorySet {
		d.Category = guess.category
	}
	d.Evidence = guess.evidence(&s)
	known := a.known(&s)
	d.NextStep = nextStep(d, known.step)
	d.Advice = a.advise(d, known)
}

// readTable calls add for every row of a table but its head. Lines that start with # are comments.
func readTable(name string, columns int, add func(row []string) error) error {
	file, err := tables.Open(name)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment, r.FieldsPerRecord = '#', columns
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if first {
			continue
		}
		if err := add(row); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s, line %d: %w", name, line, err)
		}
	}
}
