package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/internal/web"
)

// healthTimeout is how long the bridge may take to answer.
const healthTimeout = 5 * time.Second

func newHealthcheck() *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use:     "healthcheck",
		Short:   "Exit 0 if the running bridge is ready",
		Long:    "Asks the bridge of this configuration, over the control socket in its data directory, whether it is ready. For containers.",
		Example: "  drawbridge healthcheck --config drawbridge.yaml",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			r, err := askReadiness(c.Context(), cfg.DataDir)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
					return err
				}
			}
			return reportReadiness(c, r, asJSON)
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func reportReadiness(c *cobra.Command, r web.Readiness, asJSON bool) error {
	if !r.Ready {
		return fmt.Errorf("the bridge is %s: wait, or look at its log", r.State)
	}
	if asJSON {
		return nil
	}
	for _, w := range r.Warnings {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "warning: "+w)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), "ready")
	return err
}

// noBridge says that no bridge runs on a data directory. What the socket says of that tells nobody more.
type noBridge struct {
	dir string
	err error
}

func (e *noBridge) Error() string {
	return "no bridge answers in " + e.dir + ": start it with drawbridge serve, or name its configuration with --config"
}

func (e *noBridge) Unwrap() error { return e.err }

// askReadiness asks the bridge that has the data directory dir.
func askReadiness(ctx context.Context, dir string) (web.Readiness, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", nil)
	if err != nil {
		return web.Readiness{}, err
	}
	resp, err := controlClient(dir, healthTimeout).Do(req)
	if err != nil {
		return web.Readiness{}, &noBridge{dir, err}
	}
	defer func() { _ = resp.Body.Close() }()
	var r web.Readiness
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return web.Readiness{}, fmt.Errorf("the bridge in %s gave an answer that cannot be read: %w", dir, err)
	}
	return r, nil
}
