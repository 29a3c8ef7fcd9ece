package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/sheet"
)

// maxRows is how many accounts ImportCSV reads at most.
const maxRows = 20_000

// CSVOptions are how ImportCSV reads. The zero value works.
type CSVOptions struct {
	Parameters Parameters     // of the hashes
	Location   *time.Location // of dates without a zone; nil: the machine's
}

// CSVColumns are the columns that ImportCSV knows.
func CSVColumns() []string {
	return []string{"login", "mailbox", "password", "password_name", "sources", "protocols", "aliases", "expires", "disabled",
		"mailboxes", "any_mailbox"}
}

// ImportCSV reads accounts from CSV in any form in which spreadsheets save it (package sheet). The first line names the columns,
// CSVColumns in any order, of which login is required; an empty field is a default. A field with several values has blanks, | or ;
// between them. Passwords are hashed, on all CPUs, some 25 ms each; one that is an argon2id hash already is taken as it is. The
// error joins all faults, each with its line, and then nothing is imported. No error or note quotes a password.
func ImportCSV(ctx context.Context, r io.Reader, o CSVOptions) (Import, error) {
	text, as, err := readImport(r)
	if err != nil {
		return Import{}, err
	}
	rows, err := readRows(text, o)
	if err != nil {
		return Import{}, err
	}
	notes := csvNotes(rows, as)
	if err := hashRows(ctx, rows, o.Parameters); err != nil {
		return Import{}, err
	}
	if err := checkRows(rows); err != nil { // the hashes that were taken as they are
		return Import{}, err
	}
	return Import{Accounts: accountsOf(rows), Notes: notes}, nil
}

func accountsOf(rows []csvRow) (list []Account) {
	for _, row := range rows {
		list = append(list, row.account)
	}
	return list
}

// readRows reads all rows and checks them, but for their passwords.
func readRows(text string, o CSVOptions) ([]csvRow, error) {
	table, err := sheet.NewReader(text, "login")
	if err != nil {
		return nil, fmt.Errorf("line 1: it must name the columns, such as login,mailbox,password,sources: %w", err)
	}
	if err := checkHeader(table.Header()); err != nil {
		return nil, err
	}
	rows, wrong := readRecords(table, o)
	if err := checkRows(rows); err != nil {
		wrong = append(wrong, err)
	}
	return rows, errors.Join(wrong...)
}

// checkHeader brings the names of the columns into the form in which they are known.
func checkHeader(header []string) error {
	if len(header) > len(csvColumns) {
		return fmt.Errorf("line 1: it has %d columns, and there are %d: take %s", len(header), len(csvColumns), strings.Join(CSVColumns(), ", "))
	}
	var wrong []error
	for i, name := range header {
		header[i] = sheet.Name(name)
		if csvColumns[header[i]] == nil {
			wrong = append(wrong, fmt.Errorf("line 1: no column is named %q: take %s", name, strings.Join(CSVColumns(), ", ")))
		}
		if slices.Contains(header[:i], header[i]) {
			wrong = append(wrong, fmt.Errorf("line 1: the column %q is there twice: remove one", name))
		}
	}
	if !slices.Contains(header, "login") {
		wrong = append(wrong, errors.New("line 1: no column is named login, which each account must have: add it"))
	}
	return errors.Join(wrong...)
}

// readRecords reads to the end, whatever is wrong with a line.
func readRecords(table *sheet.Reader, o CSVOptions) (rows []csvRow, wrong []error) {
	for {
		record, err := table.Next()
		if errors.Is(err, io.EOF) {
			return rows, wrong
		}
		if len(rows)+len(wrong) >= maxRows {
			return rows, append(wrong, fmt.Errorf("more than %d lines: split the file", maxRows))
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		row, err := readRow(record, table.Header(), o)
		if err != nil {
			wrong = append(wrong, err)
		}
		if row != nil {
			rows = append(rows, *row)
		}
	}
}

// checkRows finds what is wrong with the rows' accounts, by their lines.
func checkRows(rows []csvRow) error {
	err := check(accountsOf(rows))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var wrong []error
	for _, err := range joined.Unwrap() {
		if f := (*Fault)(nil); errors.As(err, &f) {
			err = fmt.Errorf("line %d: %w", rows[f.Index].line, f)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func csvNotes(rows []csvRow, as sheet.Encoding) []string {
	var notes []string
	if as == sheet.Windows1252 {
		notes = append(notes, "the file was read as Windows-1252: where names or passwords have accents, look at them, or save it as CSV UTF-8")
	}
	without := 0
	for _, r := range rows {
		switch {
		case r.password.Empty():
			without++
		case !r.isHash():
			for _, w := range Weak(r.password) {
				notes = append(notes, fmt.Sprintf("line %d: the password of %q is weak: %s", r.line, r.account.Login, w))
			}
		}
	}
	if without > 0 {
		notes = append(notes, fmt.Sprintf("%d accounts have no password: give them one, or let Entra ID check theirs (flow: password)", without))
	}
	return notes
}

// maxImport is what an importer reads at most, in bytes.
const maxImport = 16 << 20

// The formats of an import.
const (
	FormatCSV        = "csv"
	FormatEmailProxy = "email-oauth2-proxy"
)

// Import is what an importer took over.
type Import struct {
	Accounts []Account
	Notes    []string // what was left out, and what is weak: a sentence each
}

// ImportAs reads accounts as ImportCSV or ImportEmailOAuth2Proxy does: in a format, or, where that is empty, in the one that
// the text looks like.
func ImportAs(ctx context.Context, format string, text []byte, o CSVOptions) (Import, error) {
	if format == "" {
		format = formatOf(text)
	}
	if format == FormatEmailProxy {
		return ImportEmailOAuth2Proxy(bytes.NewReader(text))
	}
	return ImportCSV(ctx, bytes.NewReader(text), o)
}

// formatOf tells by the first line that is no comment: a [section] begins an INI file, and no column has such a name. What is
// wrong with the text the importers say.
func formatOf(text []byte) string {
	decoded, _, _ := readImport(bytes.NewReader(text))
	for line := range strings.Lines(decoded) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			return FormatEmailProxy
		}
		break
	}
	return FormatCSV
}

// readImport reads a file to import, however its characters were written.
func readImport(r io.Reader) (string, sheet.Encoding, error) { return sheet.Text(r, maxImport) }
