package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/internal/accounts"
)

// The formats of an import.
const (
	formatCSV        = "csv"
	formatEmailProxy = "email-oauth2-proxy"
)

// maxImportFile is a little more than the importers take, which say what is too large.
const maxImportFile = 17 << 20 // bytes

func newAccountImport() *cobra.Command {
	var path, format string
	var asJSON bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Add many logins from CSV, or from email-oauth2-proxy's configuration",
		Long: `Adds the logins of a file, all or none; - is standard input. The first line of CSV names its columns, of which login
is required:
  ` + strings.Join(accounts.CSVColumns(), ",") + `
What email-oauth2-proxy has is an account for each address, without a password: it waits for one (drawbridge account add).`,
		Example: `  drawbridge account import devices.csv
  drawbridge account import --format email-oauth2-proxy emailproxy.config`,
		Args: oneArgument("file"),
		RunE: func(c *cobra.Command, args []string) error { return importAccounts(c, path, args[0], format, asJSON) },
	}
	configFlag(c, &path)
	c.Flags().StringVar(&format, "format", "", formatCSV+" or "+formatEmailProxy+"; without it what the file looks like")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// imported is what `drawbridge account import --json` prints.
type imported struct {
	Accounts []string `json:"accounts"` // their logins
	Notes    []string `json:"notes"`
}

func importAccounts(c *cobra.Command, path, file, format string, asJSON bool) error {
	if format != "" && format != formatCSV && format != formatEmailProxy {
		return &usageError{fmt.Errorf("--format: %q is none: write %s or %s", format, formatCSV, formatEmailProxy)}
	}
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	text, err := readFileOr(c.InOrStdin(), file)
	if err != nil {
		return err
	}
	what, err := parseImport(c.Context(), text, format, accounts.CSVOptions{Location: cfg.Timezone})
	if err != nil {
		return tellEach(c.ErrOrStderr(), fmt.Sprintf("nothing was imported from %s", file), err)
	}
	var i importation
	told := imported{Accounts: []string{}, Notes: append([]string{}, what.Notes...)}
	for _, a := range what.Accounts {
		i.Accounts = append(i.Accounts, wire(a))
		told.Accounts = append(told.Accounts, a.Login)
	}
	err = withAccounts(c.Context(), cfg, func(w accountChanger) error {
		_, err := w.take(c.Context(), i)
		return err
	})
	if err != nil {
		return tellEach(c.ErrOrStderr(), fmt.Sprintf("nothing was imported from %s", file), err)
	}
	return told.print(c, asJSON)
}

func (i imported) print(c *cobra.Command, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(i)
	}
	for _, n := range i.Notes {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "note: "+n)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "Imported %s.\n", plural(len(i.Accounts), "account"))
	return err
}

// readFileOr reads a file, or in where it is named -.
func readFileOr(in io.Reader, file string) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the file to import: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxImportFile))
	if err != nil {
		return nil, fmt.Errorf("read the file to import: %w", err)
	}
	return text, nil
}

func parseImport(ctx context.Context, text []byte, format string, o accounts.CSVOptions) (accounts.Import, error) {
	if format == "" {
		format = formatOf(text)
	}
	if format == formatEmailProxy {
		return accounts.ImportEmailOAuth2Proxy(bytes.NewReader(text))
	}
	return accounts.ImportCSV(ctx, bytes.NewReader(text), o)
}

// formatOf tells by the first line that is no comment: a [section] begins an INI file, and no column has such a name.
func formatOf(text []byte) string {
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			return formatEmailProxy
		}
		break
	}
	return formatCSV
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
