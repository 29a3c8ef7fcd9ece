package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/oauth"
	"drawbridge/internal/terminal"
	"drawbridge/internal/upstreams"
)

// What the vault of refresh tokens makes in the data directory.
const (
	tokensFolder = "tokens"
	tokenKeyFile = "token.key"
)

func newAccountLogin() *cobra.Command {
	var upstream string
	c := withJSON(&cobra.Command{
		Use:   "login MAILBOX",
		Short: "Sign in for a mailbox, with flow device_code",
		Long: `Signs in to Entra ID for a mailbox: a person enters the code that is shown, in a browser on any machine, as a user who has
access to that mailbox. The bridge keeps the sign-in, encrypted, and renews it. For upstreams with flow: device_code.`,
		Example: "  drawbridge account login scans@contoso.com",
		Args:    oneArgument("mailbox"),
	})
	c.Flags().StringVar(&upstream, "upstream", "", "the `NAME` of the upstream, where several have flow: device_code")
	return configured(c, func(c *cobra.Command, args []string, cfg *config.Config) error {
		u, err := signInUpstream(cfg, upstream)
		if err != nil {
			return err
		}
		return signInFor(c, cfg, u.Name, args[0])
	})
}

// signInUpstream is the upstream of that name, or else the only one that needs a sign-in.
func signInUpstream(cfg *config.Config, name string) (config.Upstream, error) {
	var found config.Upstream
	var names []string
	for _, u := range cfg.Upstreams {
		if u.OAuth2 != nil && u.OAuth2.Flow == config.FlowDeviceCode && (name == "" || u.Name == name) {
			found, names = u, append(names, u.Name)
		}
	}
	switch {
	case name != "" && len(names) == 0:
		return found, fmt.Errorf("no upstream of the configuration with flow: device_code is named %q: name one, or set its flow", name)
	case len(names) == 0:
		return found, errors.New("no upstream of the configuration has flow: device_code, and the other flows need no sign-in: " +
			"set it, or go without")
	case len(names) > 1:
		return found, &usageError{fmt.Errorf("several upstreams have flow: device_code (%s): name one with --upstream",
			strings.Join(names, ", "))}
	}
	return found, nil
}

func signInFor(c *cobra.Command, cfg *config.Config, upstream, mailbox string) error {
	out, asJSON := c.OutOrStdout(), wantsJSON(c)
	show := func(code, url string) {
		if asJSON {
			_ = json.NewEncoder(out).Encode(control.Prompt{Code: code, URL: url})
			return
		}
		_, _ = fmt.Fprintf(out, "Open %s and enter the code %s, as a user who has access to %s.\n",
			terminal.Plain(url), terminal.Plain(code), mailbox)
	}
	err := withAccounts(c.Context(), cfg, func(a control.Accounts) error { return a.SignIn(c.Context(), upstream, mailbox, show) })
	if err != nil {
		return terminal.OneLine(err)
	}
	if asJSON {
		return nil
	}
	_, err = fmt.Fprintf(out, "Signed in: sessions for %s use it from now on.\n", mailbox)
	return err
}

// localAccounts are changed by the command itself, while no bridge runs.
type localAccounts struct {
	*accounts.Keeper
	cfg *config.Config
}

// SignIn implements control.Accounts with a Source of its own: the bridge finds the sign-in when it starts.
func (l localAccounts) SignIn(ctx context.Context, upstream, mailbox string, show func(code, url string)) error {
	u, err := signInUpstream(l.cfg, upstream)
	if err != nil {
		return err
	}
	vault, err := oauth.OpenVault(l.cfg.DataDir, []byte(l.cfg.TokenKey.Reveal()))
	if err != nil {
		return err
	}
	source, err := oauth.New(upstreams.TokenOptions(u, vault))
	if err != nil {
		return err
	}
	defer source.Close()
	return source.Login(ctx, mailbox, show)
}

// servedAccounts are those of the running bridge.
type servedAccounts struct{ bridge *bridge }

// Add implements control.Accounts, as the methods below do.
func (s servedAccounts) Add(ctx context.Context, a accounts.Addition) (accounts.Added, error) {
	return s.bridge.holds().keeper.Add(ctx, a)
}

func (s servedAccounts) Import(ctx context.Context, list []accounts.Account) error {
	return s.bridge.holds().keeper.Import(ctx, list)
}

func (s servedAccounts) Remove(ctx context.Context, login, password string) error {
	return s.bridge.holds().keeper.Remove(ctx, login, password)
}

// SignIn implements control.Accounts.
func (s servedAccounts) SignIn(ctx context.Context, upstream, mailbox string, show func(code, url string)) error {
	u := s.bridge.holds().services[upstream]
	if u == nil || u.Tokens == nil {
		return fmt.Errorf("the running bridge has no upstream %s that takes tokens: restart it, so that it reads its configuration again",
			upstream)
	}
	return u.Tokens.Login(ctx, mailbox, show)
}
