package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/internal/licenses"
)

// build is what `drawbridge version` tells.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	var withLicenses bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, or the licences",
		Example: `  drawbridge version --json
  drawbridge version --licenses | less             the licence of Drawbridge and those of the libraries in it`,
		RunE: func(c *cobra.Command, _ []string) error {
			if withLicenses {
				return printLicenses(c)
			}
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
	}
	c.Flags().BoolVar(&withLicenses, "licenses", false, "print the licences of Drawbridge, of Go and of all libraries in the program")
	return withJSON(c)
}

// printLicenses prints each module with its version and the full text of its licences.
func printLicenses(c *cobra.Command) error {
	modules, err := licenses.All()
	if err != nil {
		return err
	}
	return answer(c, modules, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		for _, m := range modules {
			for _, f := range m.Files {
				title := strings.TrimSpace(m.Path+" "+m.Version) + " " + f.Name
				fmt.Fprintf(b, "%s\n%s\n\n%s\n\n", title, strings.Repeat("=", 80), strings.TrimSpace(f.Text))
			}
		}
		return b.Flush()
	})
}
