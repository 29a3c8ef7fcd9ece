package login_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/proxy/login"
)

// spellings are names that devices type, and the users that each stands for.
var spellings = map[string][]string{
	"Scans": {"scans"}, "scans@Contoso.com": {"scans"}, `CONTOSO\scans`: {"scans"}, "contoso/scans": {"scans"},
	`.\scans`: {"scans"}, `\scans`: {"scans"}, "scans@": {"scans"}, `scans\`: {"scans"}, `CONTOSO\\scans`: {"scans"},
	"scans@contoso.com@bridge.local": {"scans"}, `CONTOSO\scans@contoso.com`: {"scans"},
	// with a shared mailbox behind: another mailbox, the same password
	`CONTOSO\scans\mailbox`: {"scans"}, `scans@contoso.com\mailbox`: {"scans"},
	`CONTOSO\scans\m@x`: {"scans"}, `scans@contoso.com/m@x`: {"scans"},
	" scans": {"scans"}, "scans ": {"scans"}, " scans @x": {"scans"},
	`CONTOSO\ scans`:    {"scans"},
	"scans%contoso.com": {"scans"}, "scans%contoso.com@relay.test": {"scans"}, "scans@contoso.com%relay.test": {"scans"}, `X\scans%y`: {"scans"},
	`"scans"@contoso.com`: {"scans"}, `"scans"`: {"scans"}, `"scans@contoso.com"`: {"scans"}, `"CONTOSO\scans"`: {"scans"},
	`CONTOSO\"scans"`: {"scans"}, `" scans "@contoso.com`: {"scans"}, `"s\cans"@contoso.com`: {"scans"}, "'scans'": {"scans"},
	`"scans`: {"scans"}, "<scans@contoso.com>": {"scans"},
	"scans*root": {"root", "scans"}, "scans@contoso.com*Root@contoso.com": {"root", "scans"}, `CONTOSO\scans*root`: {"root", "scans"},
	`"scans"*root`: {"root", "scans"}, "scans%x*root%y": {"root", "scans"}, "a*b*root": {"root", "a"},
	"scans*": {"scans"}, "*scans": {"scans"}, "scans*scans": {"scans"}, "scans**": {"scans"},
	"": {""}, `\`: {""}, "@": {""}, "*": {""}, `""@x`: {""}, "scans@" + strings.Repeat("x", 1000): {"scans"},
	// others are others
	"scans1": {"scans1"}, "scans+1": {"scans+1"}, "scans.one": {"scans.one"}, "-": {"-"},
}

func TestUsersOf_IsOneTable(t *testing.T) {
	t.Parallel()
	for name, want := range spellings {
		if got := login.UsersOf(name); !slices.Equal(got, want) {
			t.Errorf("UsersOf(%q) = %q, want %q", name, got, want)
		}
		if got := login.UserOf(name); got != want[0] || login.UserOf(got) != got {
			t.Errorf("UserOf(%q) = %q, and of that %q; want %q", name, got, login.UserOf(got), want[0])
		}
	}
}

// FuzzUserOf: what names count as is in a form that stays as it is, or a table that is kept on disk would not find itself again.
func FuzzUserOf(f *testing.F) {
	for name := range spellings {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, user := range login.UsersOf(name) {
			if again := login.UsersOf(user); len(again) != 1 || again[0] != user {
				t.Errorf("%q is the user %q, and that is %q", name, user, again)
			}
			if strings.Contains(user, "*") {
				t.Errorf("%q is the user %q, which reads like a pattern", name, user)
			}
		}
	})
}

// TestIsSpellingOf is of a name that was set, and one that a device types.
func TestIsSpellingOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set   string
		typed []string
		want  bool
	}{
		{"fax1", []string{"fax1", "FAX1", "fax1@x", `X\fax1`, " fax1", `"fax1"`, `"fax1"@x`, "fax1%x", "fax1*master", "any*fax1", `X\fax1\fax1`,
			`fax1@x\sales`}, true},
		{"fax1@x", []string{"fax1", "fax1@x", "fax1@y", `Y\fax1`, "fax1%x"}, true},
		{`x\fax1`, []string{"fax1", "fax1@x"}, true},
		{"fax1*master", []string{"fax1", "fax1@x", "fax1*other", "x*fax1"}, true},
		{`anna@x\sales`, []string{`anna@y\sales`, `X\anna\SALES`, "anna@x/sales"}, true},
		{"fax1", []string{"fax2", "fax", "fax1a@x", `fax1x\a`, "x@fax1", `a@fax1\x`}, false},
		{"fax1*master", []string{"fax2*master", "master"}, false},
		{`anna@x\sales`, []string{"anna@x", `anna@x\support`, "sales", `berta@x\sales`}, false},
		{"@x", []string{"@y", "fax1", "*", ""}, false},
	} {
		for _, typed := range c.typed {
			if got := login.IsSpellingOf(typed, c.set); got != c.want {
				t.Errorf("%q was set, %q is typed: %v, want %v", c.set, typed, got, c.want)
			}
		}
	}
}

func TestAccountKey_IsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 320+1)
	if got := login.AccountKey(long); len(got) > 320 || got == login.AccountKey(long+"x") || got != login.AccountKey(strings.ToUpper(long)) {
		t.Errorf("a long name folds to %q", got)
	}
}
