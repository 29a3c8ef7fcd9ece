package accounts

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"
)

// Listed is an account as people are shown it.
type Listed struct {
	Login      string         `json:"login"`
	Aliases    []string       `json:"aliases,omitempty"`
	Mailbox    string         `json:"mailbox,omitempty"` // not of a pattern: there it is the login
	Mailboxes  []string       `json:"mailboxes,omitempty"`
	AnyMailbox bool           `json:"any_mailbox,omitempty"`
	Passwords  []string       `json:"passwords"` // their names
	Sources    []netip.Prefix `json:"sources,omitempty"`
	Protocols  []string       `json:"protocols,omitempty"`
	Expires    time.Time      `json:"expires,omitzero"`
	Disabled   bool           `json:"disabled,omitempty"`
	Kept       bool           `json:"kept"` // in the data directory, not by the configuration
	Note       string         `json:"note,omitempty"`
}

// List tells of the accounts of the configuration and then of the kept ones, from the file that was written last.
func (k *Keeper) List(now time.Time) ([]Listed, error) {
	store, err := OpenStore(k.o.Dir)
	if err != nil {
		return nil, err
	}
	list := []Listed{}
	for _, a := range k.o.Configured {
		list = append(list, k.describe(a, now))
	}
	for _, a := range store.List() {
		l := k.describe(a, now)
		l.Kept = true
		if k.conflict([]Account{a}, "") != nil {
			l.Note = "stands in the configuration too: remove one"
		}
		list = append(list, l)
	}
	return list, nil
}

func (k *Keeper) describe(a Account, now time.Time) Listed {
	l := Listed{Login: a.Login, Aliases: a.Aliases, Mailboxes: a.Mailboxes, AnyMailbox: a.AnyMailbox, Passwords: []string{},
		Sources: a.Sources, Protocols: a.Protocols, Expires: a.Expires, Disabled: a.Disabled}
	if !a.IsPattern() {
		l.Mailbox = a.mailbox()
	}
	for _, p := range a.Passwords {
		l.Passwords = append(l.Passwords, p.Name)
	}
	switch {
	case a.Disabled:
		l.Note = "disabled"
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		l.Note = "expired"
	case len(a.Passwords) == 0 && k.o.Unchecked:
		l.Note = "Entra ID checks its password"
	case len(a.Passwords) == 0:
		l.Note = "waits for a password: drawbridge account add"
	}
	return l
}

// Table prints accounts for people.
func Table(out io.Writer, list []Listed) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "LOGIN\tMAILBOX\tPASSWORDS\tSOURCES\tPROTOCOLS\tEXPIRES\tFROM\tNOTE")
	for _, l := range list {
		_, _ = fmt.Fprintln(w, strings.Join(l.row(), "\t"))
	}
	return w.Flush()
}

func (l Listed) row() []string {
	from, expires, mailbox := "configuration", "never", cmp.Or(l.Mailbox, "as the login")
	if l.Kept {
		from = "data_dir"
	}
	if !l.Expires.IsZero() {
		expires = l.Expires.Format(time.RFC3339)
	}
	var names, sources []string
	for _, p := range l.Passwords {
		names = append(names, cmp.Or(p, "unnamed"))
	}
	for _, s := range l.Sources {
		sources = append(sources, s.String())
	}
	or := func(list []string, empty string) string { return cmp.Or(strings.Join(list, ", "), empty) }
	return []string{strings.Join(append([]string{l.Login}, l.Aliases...), " "), mailbox, or(names, "none"), or(sources, "any"),
		or(l.Protocols, "all"), expires, from, l.Note}
}
