package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what `drawbridge version` tells.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	return withJSON(&cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  drawbridge version --json",
		RunE: func(c *cobra.Command, _ []string) error {
			b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						b.Revision = s.Value
					}
				}
			}
			return answer(c, b, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "drawbridge %s (%s, %s)\n", b.Version, b.Go, b.Platform)
				return err
			})
		},
	})
}
