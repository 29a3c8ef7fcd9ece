package accounts

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
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

// ImportCSV reads accounts from CSV, UTF-8, with commas or semicolons. The first line names the columns, CSVColumns in any
// order, of which login is required; an empty field is a default. A field with several values has blanks, | or ; between
// them. Passwords are hashed, on all CPUs, some 25 ms each; one that is an argon2id hash already is taken as it is. The
// error joins all faults, each with its line, and then nothing is imported. No error or note quotes a password.
func ImportCSV(ctx context.Context, r io.Reader, o CSVOptions) (Import, error) {
	text, err := readImport(r)
	if err != nil {
		return Import{}, err
	}
	rows, err := readRows(text, o)
	if err != nil {
		return Import{}, err
	}
	notes := csvNotes(rows)
	if err := hashRows(ctx, rows, o.Parameters); err != nil {
		return Import{}, err
	}
	list := accountsOf(rows)
	if err := checkRows(list, rows); err != nil { // the hashes that were taken as they are
		return Import{}, err
	}
	return Import{Accounts: list, Notes: notes}, nil
}

func accountsOf(rows []csvRow) []Account {
	list := make([]Account, len(rows))
	for i, row := range rows {
		list[i] = row.account
	}
	return list
}

// readRows reads all rows and checks them, but for their passwords.
func readRows(text []byte, o CSVOptions) ([]csvRow, error) {
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma = comma(text)
	c.FieldsPerRecord = -1 // checked here, so that the lines that follow are read too
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: it must name the columns, such as login,mailbox,password,sources: %w", err)
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	rows, wrong := readRecords(c, header, o)
	if err := checkRows(accountsOf(rows), rows); err != nil {
		wrong = append(wrong, err)
	}
	return rows, errors.Join(wrong...)
}

func comma(text []byte) rune {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.Contains(first, []byte(";")) && !bytes.Contains(first, []byte(",")) {
		return ';'
	}
	return ','
}

// checkHeader brings the names of the columns into the form in which they are known.
func checkHeader(header []string) error {
	if len(header) > len(csvColumns) {
		return fmt.Errorf("line 1: it has %d columns, and there are %d: take %s", len(header), len(csvColumns), strings.Join(CSVColumns(), ", "))
	}
	var wrong []error
	for i, name := range header {
		header[i] = fold(strings.TrimSpace(name))
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
func readRecords(c *csv.Reader, header []string, o CSVOptions) (rows []csvRow, wrong []error) {
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, wrong
		}
		if len(rows)+len(wrong) >= maxRows {
			return rows, append(wrong, fmt.Errorf("more than %d lines: split the file", maxRows))
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			wrong = append(wrong, fmt.Errorf("line %d: %w", bad.Line, bad.Err))
			continue
		}
		line, _ := c.FieldPos(0)
		row, err := readRow(line, fields, header, o)
		if err != nil {
			wrong = append(wrong, err)
		}
		if row != nil {
			rows = append(rows, *row)
		}
	}
}

// checkRows finds what is wrong with accounts, by their lines.
func checkRows(accounts []Account, rows []csvRow) error {
	err := check(accounts)
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

func csvNotes(rows []csvRow) []string {
	var notes []string
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
