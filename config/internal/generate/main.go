// Command generate writes the files that follow from the configuration's types: the JSON schema for editors, the
// commented reference. It runs in the folder of package config, by go generate.
package main

import (
	"fmt"
	"os"

	"github.com/invopop/jsonschema"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	for name, generate := range generators() {
		text, err := generate()
		if err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// sources are what each file is made from.
func sources() (*jsonschema.Reflector, examples, error) {
	r, err := reflector()
	if err != nil {
		return nil, examples{}, err
	}
	e, err := example()
	return r, e, err
}

// generators returns what makes each file.
func generators() map[string]func() ([]byte, error) {
	return map[string]func() ([]byte, error){
		"drawbridge.schema.json": schema,
		"reference.yaml":         reference,
	}
}
