package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
	"drawbridge/internal/terminal"
)

// addFlags are what `drawbridge account add` is told.
type addFlags struct {
	mailbox, name, expires      string
	sources, protocols, aliases []string
	generate                    bool
	length                      int
	alphabet                    string
}

func newAccountAdd() *cobra.Command {
	var f addFlags
	c := withJSON(&cobra.Command{
		Use:   "add LOGIN",
		Short: "Add a login, or one more password to a login",
		Long: `Adds a login for devices, or, where the login is kept already, one more password with a name of its own. The password
is generated and printed this once, or asked for on the terminal, or else read from standard input. Only its argon2id
hash is kept.`,
		Example: `  drawbridge account add scanner1 --mailbox scans@contoso.com --source 10.20.3.0/24 --generate
  drawbridge account add scanner1 --name basement < password.txt`,
		Args: oneArgument("login"),
		PreRunE: func(c *cobra.Command, _ []string) error {
			if !f.generate && (c.Flags().Changed("length") || c.Flags().Changed("alphabet")) {
				return &usageError{errors.New("--length and --alphabet are of a made password: add --generate")}
			}
			return nil
		},
	})
	flags := c.Flags()
	flags.StringVar(&f.mailbox, "mailbox", "", "the `ADDRESS` of the mailbox that it opens; without it the login")
	flags.StringSliceVar(&f.sources, "source", nil,
		"a `NETWORK` or address that it is accepted from, may be repeated; without it anywhere a listener allows")
	flags.StringSliceVar(&f.protocols, "protocol", nil, "imap or pop3; without it both")
	flags.StringVar(&f.expires, "expires", "", "the `DATE` from which on it is refused, 2027-03-01 or RFC 3339")
	flags.StringArrayVar(&f.aliases, "alias", nil, "another `NAME` of the same login, such as DOMAIN\\user, may be repeated")
	flags.StringVar(&f.name, "name", "", "the `NAME` of the password, after the place or device that has it")
	flags.BoolVar(&f.generate, "generate", false, "make a password and print it")
	flags.IntVar(&f.length, "length", 8, "how many characters a made password has")
	flags.StringVar(&f.alphabet, "alphabet", accounts.Digits, "what a made password is of: "+strings.Join(accounts.Alphabets(), ", "))
	return configured(c, f.run)
}

func (f *addFlags) run(c *cobra.Command, args []string, cfg *config.Config) error {
	login := args[0]
	a, err := f.account(login, cfg.Timezone)
	if err != nil {
		return &usageError{err}
	}
	password, err := f.password(c, login)
	if err != nil {
		return err
	}
	var result accounts.Added
	err = withAccounts(c.Context(), cfg, func(w control.Accounts) (err error) {
		result, err = w.Add(c.Context(), accounts.Addition{Account: a, Name: f.name, Password: password})
		return err
	})
	if err != nil {
		return terminal.OneLine(err)
	}
	f.warn(c.ErrOrStderr(), cfg, result, password)
	return f.tell(c, result, password)
}

// account is what the flags say.
func (f *addFlags) account(login string, zone *time.Location) (accounts.Account, error) {
	a := accounts.Account{Login: login, Mailbox: f.mailbox, Aliases: f.aliases}
	for _, s := range f.sources {
		p, err := accounts.ParseSource(s)
		if err != nil {
			return a, fmt.Errorf("--source: %w", err)
		}
		a.Sources = append(a.Sources, p)
	}
	for _, p := range f.protocols {
		known, ok := protocol.Of(strings.ToLower(p))
		if !ok {
			return a, fmt.Errorf("--protocol: %q is none: write %s", strings.ToLower(p), strings.Join(protocol.Names(), " or "))
		}
		a.Protocols = append(a.Protocols, known.Name)
	}
	if f.expires == "" {
		return a, nil
	}
	var err error
	if a.Expires, err = time.Parse(time.RFC3339, f.expires); err == nil {
		return a, nil
	}
	if a.Expires, err = time.ParseInLocation(time.DateOnly, f.expires, zone); err != nil {
		return a, fmt.Errorf("--expires: %q is no date: write 2027-03-01 or 2027-03-01T18:00:00Z", f.expires)
	}
	return a, nil
}

func (f *addFlags) password(c *cobra.Command, login string) (secret.Secret, error) {
	if !f.generate {
		return terminal.ChoosePassword(c.InOrStdin(), c.ErrOrStderr(), login)
	}
	password, err := accounts.Generate(f.length, f.alphabet)
	if err != nil {
		return secret.Secret{}, &usageError{err}
	}
	return password, nil
}

// warn tells what will trouble the devices, or their owner.
func (f *addFlags) warn(w io.Writer, cfg *config.Config, a accounts.Added, password secret.Secret) {
	for _, why := range accounts.Weak(password) {
		_, _ = fmt.Fprintf(w, "warning: the password is weak: %s\n", why)
	}
	if !slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool { return u.OAuth2 != nil }) {
		_, _ = fmt.Fprintln(w, "warning: every upstream of the configuration has auth: passthrough, so that accounts are not asked: "+
			"write auth: {oauth2: …} at one")
	} else if !strings.Contains(a.Mailbox, "@") {
		_, _ = fmt.Fprintf(w, "warning: the mailbox is %q, which is no address: remove the account and add it with --mailbox\n", a.Mailbox)
	}
}

// tell says what was done. A made password stands alone on standard output, for scripts.
func (f *addFlags) tell(c *cobra.Command, a accounts.Added, password secret.Secret) error {
	if wantsJSON(c) {
		facts := struct {
			Login        string `json:"login"`
			Mailbox      string `json:"mailbox"`
			PasswordName string `json:"password_name,omitempty"`
			Password     string `json:"password,omitempty"`
		}{Login: a.Login, Mailbox: a.Mailbox, PasswordName: f.name}
		if f.generate {
			facts.Password = password.Reveal()
		}
		return json.NewEncoder(c.OutOrStdout()).Encode(facts)
	}
	said := fmt.Sprintf("Added the account %s for the mailbox %s.", a.Login, a.Mailbox)
	if a.Existing {
		said = fmt.Sprintf("Added the password %s to the account %s.", f.name, a.Login)
	}
	if !f.generate {
		_, err := fmt.Fprintln(c.OutOrStdout(), said)
		return err
	}
	_, _ = fmt.Fprintln(c.ErrOrStderr(), said+" Its password is shown this once:")
	_, err := fmt.Fprintln(c.OutOrStdout(), password.Reveal())
	return err
}

// maxImportFile is a little more than the importers take, which say what is too large.
const maxImportFile = 17 << 20 // bytes

func newAccountImport() *cobra.Command {
	var format string
	c := withJSON(&cobra.Command{
		Use:   "import FILE",
		Short: "Add many logins from CSV, or from email-oauth2-proxy's configuration",
		Long: `Adds the logins of a file, all or none; - is standard input. The first line of CSV names its columns, of which login
is required:
  ` + strings.Join(accounts.CSVColumns(), ",") + `
What email-oauth2-proxy has is an account for each address, without a password: it waits for one (drawbridge account add).`,
		Example: `  drawbridge account import devices.csv
  drawbridge account import --format email-oauth2-proxy emailproxy.config`,
		Args: oneArgument("file"),
		PreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"", accounts.FormatCSV, accounts.FormatEmailProxy}, format) {
				return &usageError{fmt.Errorf("--format: %q is none: write %s or %s", format, accounts.FormatCSV, accounts.FormatEmailProxy)}
			}
			return nil
		},
	})
	c.Flags().StringVar(&format, "format", "", accounts.FormatCSV+" or "+accounts.FormatEmailProxy+"; without it what the file looks like")
	return configured(c, func(c *cobra.Command, args []string, cfg *config.Config) error {
		return importAccounts(c, cfg, args[0], format)
	})
}

// errNoAccounts is a file that was read and has nobody who could log in.
var errNoAccounts = errors.New("it has no account that could be taken over: see the notes, or name its format by --format")

func importAccounts(c *cobra.Command, cfg *config.Config, file, format string) error {
	in, err := openOr(c.InOrStdin(), file)
	if err != nil {
		return fmt.Errorf("read the file to import: %w", err)
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxImportFile))
	if err != nil {
		return fmt.Errorf("read the file to import: %w", err)
	}
	what, err := accounts.ImportAs(c.Context(), format, text, accounts.CSVOptions{Location: cfg.Timezone})
	for _, n := range what.Notes {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "note: "+n)
	}
	if err == nil && len(what.Accounts) == 0 {
		err = errNoAccounts
	}
	if err == nil {
		err = withAccounts(c.Context(), cfg, func(w control.Accounts) error { return w.Import(c.Context(), what.Accounts) })
	}
	if err != nil {
		return tellEach(c.ErrOrStderr(), fmt.Sprintf("nothing was imported from %s", file), err)
	}
	told := struct {
		Accounts []string `json:"accounts"` // their logins
		Notes    []string `json:"notes"`
	}{[]string{}, append([]string{}, what.Notes...)}
	for _, a := range what.Accounts {
		told.Accounts = append(told.Accounts, a.Login)
	}
	return answer(c, told, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Imported %s.\n", plural(len(told.Accounts), "account"))
		return err
	})
}

// openOr opens a file, or in where it is named -.
func openOr(in io.Reader, file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(in), nil
	}
	return os.Open(file) //nolint:gosec // the user names it
}

// tellEach prints what several faults say, a line each, as validate does; a single one is a sentence like any other.
func tellEach(w io.Writer, what string, err error) error {
	lines := strings.Split(err.Error(), "\n")
	if errors.Is(err, context.Canceled) || len(lines) == 1 {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, l := range lines {
		_, _ = fmt.Fprintln(w, l)
	}
	_, _ = fmt.Fprintf(w, "%s: %s\n", what, plural(len(lines), "fault"))
	return &toldError{err}
}
