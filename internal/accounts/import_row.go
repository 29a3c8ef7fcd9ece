package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"drawbridge/internal/passwordhash"
	"drawbridge/internal/secret"
	"drawbridge/internal/sheet"
)

// csvRow is one line that was read.
type csvRow struct {
	line     int
	account  Account
	name     string // of the password
	password secret.Secret
}

// csvColumns are the columns of an import, by their names in the first line.
var csvColumns = map[string]func(*csvRow, string, CSVOptions) error{
	"login":         func(r *csvRow, s string, _ CSVOptions) error { r.account.Login = s; return nil },
	"mailbox":       func(r *csvRow, s string, _ CSVOptions) error { r.account.Mailbox = s; return nil },
	"password":      func(*csvRow, string, CSVOptions) error { return nil }, // taken as it is, blanks and all
	"password_name": func(r *csvRow, s string, _ CSVOptions) error { r.name = s; return nil },
	"aliases":       func(r *csvRow, s string, _ CSVOptions) error { r.account.Aliases = words(s); return nil },
	"protocols":     func(r *csvRow, s string, _ CSVOptions) error { r.account.Protocols = words(s); return nil },
	"mailboxes":     func(r *csvRow, s string, _ CSVOptions) error { r.account.Mailboxes = words(s); return nil },
	"sources":       (*csvRow).setSources,
	"expires":       (*csvRow).setExpires,
	"disabled":      func(r *csvRow, s string, _ CSVOptions) error { return setBool(&r.account.Disabled, s) },
	"any_mailbox":   func(r *csvRow, s string, _ CSVOptions) error { return setBool(&r.account.AnyMailbox, s) },
}

// readRow reads one line; it is nil where the line cannot be told apart into columns.
func readRow(record sheet.Row, header []string, o CSVOptions) (*csvRow, error) {
	line, fields := record.Line, record.Cells
	if len(fields) != len(header) {
		return nil, fmt.Errorf("line %d: it has %d fields and the first line %d: put fields with a separator inside in quotes",
			line, len(fields), len(header))
	}
	row := &csvRow{line: line}
	var wrong []error
	for i, name := range header {
		if name == "password" {
			row.password = secret.New(fields[i])
			continue
		}
		value := strings.TrimSpace(fields[i])
		if value == "" {
			continue
		}
		if err := csvColumns[name](row, value, o); err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %s: %w", line, name, err))
		}
	}
	if err := row.checkPassword(); err != nil {
		wrong = append(wrong, fmt.Errorf("line %d: password: %w", line, err))
	}
	return row, errors.Join(wrong...)
}

// checkPassword finds what would fail once the passwords are hashed.
func (r *csvRow) checkPassword() error {
	if r.password.Empty() {
		return nil
	}
	if err := passwordNameFault(r.name, false); err != nil {
		return err
	}
	if r.isHash() {
		_, _, err := passwordhash.Parse(r.password.Reveal())
		return err
	}
	return passwordhash.Fault(r.password.Reveal())
}

// isHash reports whether the password is one that is hashed already.
func (r *csvRow) isHash() bool { return strings.HasPrefix(r.password.Reveal(), "$argon2") }

func (r *csvRow) setSources(s string, _ CSVOptions) error {
	var wrong []error
	for _, w := range words(s) {
		p, err := ParseSource(w)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		r.account.Sources = append(r.account.Sources, p)
	}
	return errors.Join(wrong...)
}

// ParseSource reads a network, 10.20.3.0/24, or an address, which stands for itself.
func ParseSource(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no network: write 10.20.3.7 or 10.20.3.0/24", s)
	}
	return unmap(p).Masked(), nil
}

func (r *csvRow) setExpires(s string, o CSVOptions) (err error) {
	if r.account.Expires, err = time.Parse(time.RFC3339, s); err == nil {
		return nil
	}
	if r.account.Expires, err = time.ParseInLocation(time.DateOnly, s, cmp.Or(o.Location, time.Local)); err != nil {
		return fmt.Errorf("%q is no date: write 2027-03-01 or 2027-03-01T18:00:00Z", s)
	}
	return nil
}

func setBool(b *bool, s string) error {
	word := fold(s)
	v, err := strconv.ParseBool(cmp.Or(map[string]string{"yes": "true", "no": "false"}[word], word))
	if err != nil {
		return fmt.Errorf("%q is neither true nor false: write one of them", s)
	}
	*b = v
	return nil
}

// words are the values of a field with several.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n|;,", r) })
}

// hashRows hashes the passwords of an import, as many at once as there are CPUs, until ctx ends.
func hashRows(ctx context.Context, rows []csvRow, p Parameters) error {
	errs := make([]error, len(rows))
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range rows {
		turns <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-turns }()
			if err := rows[i].hash(p); err != nil {
				errs[i] = fmt.Errorf("line %d: password: %w", rows[i].line, err)
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hash the passwords: %w", err)
	}
	return errors.Join(errs...)
}

func (r *csvRow) hash(p Parameters) (err error) {
	if r.password.Empty() {
		return nil
	}
	h := r.password.Reveal()
	if !r.isHash() {
		if h, err = Hash(r.password, p); err != nil {
			return err
		}
	}
	r.account.Passwords = []Password{{Name: r.name, Hash: h}}
	return nil
}
