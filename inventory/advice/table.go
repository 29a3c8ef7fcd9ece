package advice

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

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
