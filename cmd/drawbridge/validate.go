package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/config"
)

func newValidate() *cobra.Command {
	var path string
	c := withJSON(&cobra.Command{
		Use:     "validate",
		Short:   "Check the whole configuration",
		Long:    "Checks the whole configuration and prints every fault with file, line, column, key and mend. Exit 1 on a fault.",
		Example: "  drawbridge validate --config drawbridge.yaml",
		RunE:    func(c *cobra.Command, _ []string) error { return validate(c, path) },
	})
	configFlag(c, &path)
	return c
}

// validation is what `drawbridge validate --json` prints.
type validation struct {
	Valid    bool           `json:"valid"`
	Faults   []config.Fault `json:"faults"`
	Warnings []string       `json:"warnings"`
}

func validate(c *cobra.Command, path string) error {
	cfg, err := loadConfig(path)
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	if wantsJSON(c) {
		return validateJSON(c.OutOrStdout(), cfg, faults)
	}
	if err != nil {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), err)
		return &toldError{err}
	}
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+w)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "The configuration is valid: %s, %s, %s.\n", plural(len(cfg.Listeners), "listener"),
		plural(len(cfg.Upstreams), "upstream"), plural(len(cfg.Rules), "rule"))
	return err
}

func validateJSON(out io.Writer, cfg *config.Config, faults config.Faults) error {
	v := validation{Valid: len(faults) == 0, Faults: append([]config.Fault{}, faults...), Warnings: []string{}}
	if cfg != nil && cfg.Warnings != nil {
		v.Warnings = cfg.Warnings
	}
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return err
	}
	if !v.Valid {
		return &toldError{faults}
	}
	return nil
}

// loadConfig loads the file at path, or the defaults where it is empty.
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	return config.Load(path)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
