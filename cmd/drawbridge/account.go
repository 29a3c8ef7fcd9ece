package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
)

func newAccount() *cobra.Command {
	c := &cobra.Command{
		Use:   "account",
		Short: "The logins that devices use",
		Long: `The logins that devices use, kept in the data directory besides those of the configuration. Changes hold at once: a
running bridge makes them itself, and without one they are there when it starts.`,
		Example: `  drawbridge account add scanner1 --mailbox scans@contoso.com --source 10.20.3.0/24 --generate
  drawbridge account list`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAccountAdd(), newAccountImport(), newAccountList(), newAccountRemove(), newAccountLogin(), newAccountHash())
	return c
}

// oneArgument wants exactly one argument, called what.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return &usageError{fmt.Errorf("%s needs one %s, not %q", c.CommandPath(), what, strings.Join(args, " "))}
		}
		return nil
	}
}

// keepOwners is keepOwner for those of the names that are there.
func keepOwners(dataDir string, names ...string) error {
	for _, name := range names {
		if err := keepOwner(dataDir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give %s to the owner of %s: %w", name, dataDir, err)
		}
	}
	return nil
}
