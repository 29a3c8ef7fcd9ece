package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/control"
)

func newHealthcheck() *cobra.Command {
	return configured(withJSON(&cobra.Command{
		Use:     "healthcheck",
		Short:   "Exit 0 if the running bridge is ready",
		Long:    "Asks the bridge of this configuration, over the control socket in its data directory, whether it is ready. For containers.",
		Example: "  drawbridge healthcheck --config drawbridge.yaml",
	}), func(c *cobra.Command, _ []string, cfg *config.Config) error {
		r, err := control.Ready(c.Context(), cfg.DataDir)
		if err != nil {
			return err
		}
		err = answer(c, r, func(w io.Writer) error {
			if !r.Ready {
				return nil // the error says it
			}
			for _, warning := range r.Warnings {
				_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+warning)
			}
			_, err := fmt.Fprintln(w, "ready")
			return err
		})
		if err == nil && !r.Ready {
			err = fmt.Errorf("the bridge is %s: wait, or look at its log", r.State)
		}
		return err
	})
}
