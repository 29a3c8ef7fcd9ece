package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/config"
)

func newValidate() *cobra.Command {
	var path string
	c := withJSON(&cobra.Command{
		Use:   "validate",
		Short: "Check the whole configuration",
		Long: "Checks the whole configuration and prints every fault with file, line, column, key and mend. What serve would refuse of the " +
			"data directory is told too, as far as this user may look into it. No network is asked and nothing is changed. Exit 1 on a fault.",
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
	v := validation{Warnings: []string{}}
	if cfg != nil {
		var warnings []string
		warnings, faults = rehearse(cfg, cmp.Or(path, "the built-in configuration"))
		v.Warnings = append(append(v.Warnings, cfg.Warnings...), warnings...)
	}
	v.Valid, v.Faults = len(faults) == 0, append([]config.Fault{}, faults...)
	untold := answer(c, v, func(w io.Writer) error {
		if !v.Valid {
			_, _ = fmt.Fprintln(c.ErrOrStderr(), faults)
			return nil
		}
		for _, warning := range v.Warnings {
			_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+warning)
		}
		_, err := fmt.Fprintf(w, "The configuration is valid: %s, %s, %s.\n", plural(len(cfg.Listeners), "listener"),
			plural(len(cfg.Upstreams), "upstream"), plural(len(cfg.Rules), "rule"))
		if cfg.Admin.Open() {
			_, err = fmt.Fprintf(w, "Every user of this machine can read the inventory on %s, the names that strangers claimed too. Where others "+
				"use it: set admin.password, or admin.address: unix:/run/drawbridge/admin.sock.\n", cfg.Admin.Address)
		}
		return err
	})
	if untold == nil && !v.Valid {
		return &toldError{faults}
	}
	return untold
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
