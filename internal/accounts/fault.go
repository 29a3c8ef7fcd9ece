package accounts

import "fmt"

// Fault is what is wrong with one account of a list.
type Fault struct {
	Index int    // in the list
	Login string // as listed
	Key   string // of the configuration: "login", "aliases", "passwords", …
	Says  string // what is wrong, and how it is mended
}

// Error names the account and the key.
func (f *Fault) Error() string { return fmt.Sprintf("account %q: %s: %s", f.Login, f.Key, f.Says) }

// faults collects what is wrong with one account.
type faults struct {
	index int
	login string
	list  []error
}

func (f *faults) add(key, format string, args ...any) {
	f.list = append(f.list, &Fault{Index: f.index, Login: f.login, Key: key, Says: fmt.Sprintf(format, args...)})
}
