package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"drawbridge/internal/accounts"
	"drawbridge/internal/terminal"
)

func newAccountHash() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Make the argon2id hash of a password, for a configuration",
		Long: `Asks for a password, or reads it as one line from standard input, and prints its argon2id hash: for admin.password, or for
accounts that stand in the configuration. Write it there in single quotes.`,
		Example: `  drawbridge account hash`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			password, err := terminal.ChoosePassword(c.InOrStdin(), c.ErrOrStderr(), "the configuration")
			if err != nil {
				return err
			}
			hash, err := accounts.Hash(password, accounts.DefaultParameters())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), hash)
			return err
		},
	}
}
