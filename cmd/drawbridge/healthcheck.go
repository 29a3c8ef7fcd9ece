package main

import (
	"encoding/json"
	"fmt"

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
		if wantsJSON(c) {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
				return err
			}
		}
		if !r.Ready {
			return fmt.Errorf("the bridge is %s: wait, or look at its log", r.State)
		}
		if wantsJSON(c) {
			return nil
		}
		for _, w := range r.Warnings {
			_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+w)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "ready")
		return err
	})
}
