package main

import (
	"errors"
	"fmt"

	"drawbridge/internal/terminal"

	"github.com/spf13/cobra"
)

func newAccountRemove() *cobra.Command {
	var path string
	var r removal
	c := &cobra.Command{
		Use:   "remove LOGIN",
		Short: "Remove a login, or revoke one of its passwords",
		Long:  "Removes a login that is kept in the data directory, or revokes one of its passwords. Sessions that run go on.",
		Example: `  drawbridge account remove scanner1
  drawbridge account remove scanner1 --password basement`,
		Args: oneArgument("login"),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("password") && r.Password == "" {
				return &usageError{errors.New("--password needs the name of a password: see drawbridge account list")}
			}
			r.Login = args[0]
			return removeAccount(c, path, r)
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&r.Password, "password", "", "revoke only the password of this `NAME`")
	return c
}

func removeAccount(c *cobra.Command, path string, r removal) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	err = withAccounts(c.Context(), cfg, func(w accountChanger) error {
		_, err := w.remove(c.Context(), r)
		return err
	})
	if err != nil {
		return terminal.OneLine(err)
	}
	said := fmt.Sprintf("Removed the account %s.", r.Login)
	if r.Password != "" {
		said = fmt.Sprintf("Revoked the password %s of the account %s.", r.Password, r.Login)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), said)
	return err
}
