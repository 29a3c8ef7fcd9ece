package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/notices"
)

func newNotices() *cobra.Command {
	c := &cobra.Command{
		Use:     "notices",
		Short:   "What people are told of unasked, by e-mail and webhook",
		Example: "  drawbridge notices test --config drawbridge.yaml",
	}
	c.AddCommand(newNoticesTest())
	return c
}

func newNoticesTest() *cobra.Command {
	return configured(withJSON(&cobra.Command{
		Use:   "test",
		Short: "Send a test by each channel",
		Long: `Sends a test by the e-mail and by each webhook of the configuration (notices.email, notices.webhooks), and says of each
whether it was taken, or what is wrong and what to do. No bridge needs to run. Exit 1 if one did not take it, or if there is none.`,
		Example: `  drawbridge notices test --config drawbridge.yaml
  drawbridge notices test --config drawbridge.yaml --json`,
	}), testNotices)
}

// errNoChannel says that nobody is told of anything, and how that is changed.
var errNoChannel = errors.New("no channel for notices is configured, only the log has them: write " +
	"notices: {email: {server: mail.contoso.com:587, from: bridge@contoso.com, to: [it@contoso.com]}} " +
	"or notices: {webhooks: [{url: https://…, format: teams}]} into the configuration")

// tested is what `drawbridge notices test --json` prints.
type tested struct {
	Channels []notices.Result `json:"channels"`
}

func testNotices(c *cobra.Command, _ []string, cfg *config.Config) error {
	channels, err := notices.Channels(cfg.Notices, os.LookupEnv)
	if err != nil {
		return err
	}
	t := tested{notices.Test(c.Context(), channels, cfg.Name, time.Now())}
	if err := answer(c, t, func(w io.Writer) error { return printTested(w, t.Channels) }); err != nil {
		return err
	}
	if len(channels) == 0 {
		return errNoChannel
	}
	failed := 0
	for _, r := range t.Channels {
		if !r.Taken {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s of %d did not take the test: mend what is said of it, and try again", plural(failed, "channel"), len(channels))
	}
	return nil
}

func printTested(w io.Writer, results []notices.Result) error {
	for _, r := range results {
		line := r.Channel + ": taken"
		if !r.Taken {
			line = r.Channel + ": not taken: " + r.Problem + ": " + r.Mend
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
