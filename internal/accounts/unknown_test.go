package accounts_test

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/accounts"
)

func TestUnknown_IsFilledByVerify(t *testing.T) {
	u := accounts.NewUnknown()
	b := fleet(t, accounts.Options{Unknown: u})
	at := func(login string, after time.Duration) {
		a := attempt(login, "x")
		a.Now = noon.Add(after)
		_, err := b.Verify(context.Background(), a)
		refusedWith(t, err)
	}
	at("Fax7", 0)
	at("other@contoso.com", time.Second)
	at("fax7", 2*time.Second)
	at("scanner1", 3*time.Second) // known
	got := u.List()
	if len(got) != 2 {
		t.Fatalf("got %v, want two", got)
	}
	want := accounts.UnknownLogin{Login: "Fax7", Source: netip.MustParseAddr("10.20.3.7"), Protocol: "imap", Count: 2, First: noon,
		Last: noon.Add(2 * time.Second)}
	if got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	if got[1].Login != "other@contoso.com" || got[1].Count != 1 {
		t.Errorf("got %+v, want other@contoso.com once", got[1])
	}
	u.Forget("FAX7")
	if got := u.List(); len(got) != 1 || got[0].Login != "other@contoso.com" {
		t.Errorf("after Forget: got %v", got)
	}
}

func TestUnknown_KeepsTheLastThousand(t *testing.T) {
	u := accounts.NewUnknown()
	source := netip.MustParseAddr("10.0.0.1")
	for i := range 1000 {
		u.Note(fmt.Sprint("n", i), source, "imap", noon)
	}
	u.Note("n0", source, "imap", noon)
	u.Note(strings.Repeat("é", 9000), source, "pop3", noon)
	got := u.List()
	if len(got) != 1000 || len(got[0].Login) != accounts.MaxLogin || got[1].Login != "n0" || got[999].Login != "n2" {
		t.Errorf("got %d, first of %d bytes, then %q, last %q; want 1000, %d bytes, n0, n2",
			len(got), len(got[0].Login), got[1].Login, got[len(got)-1].Login, accounts.MaxLogin)
	}
}

func TestUnknown_NilRemembersNothing(t *testing.T) {
	var u *accounts.Unknown
	u.Note("a", netip.Addr{}, "imap", noon)
	u.Forget("a")
	if got := u.List(); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestAddLine(t *testing.T) {
	tests := []struct{ login, source, config, want string }{
		{"fax7", "10.20.3.7", "", "drawbridge account add --source 10.20.3.7 'fax7'"},
		{"a.b_c+d-e@x.example", "::ffff:10.20.3.7", "", "drawbridge account add --source 10.20.3.7 'a.b_c+d-e@x.example'"},
		{"fax7", "fe80::1%eth0", "", "drawbridge account add --source fe80::1 'fax7'"},
		{"fax7", "", "", "drawbridge account add 'fax7'"},
		{"--help", "10.0.0.1", "", "drawbridge account add --source 10.0.0.1 -- '--help'"},
		{"", "10.0.0.1", "", ""},
		{`CONTOSO\fax7`, "10.0.0.1", "", ""},
		{"a b", "10.0.0.1", "", ""},
		{"a'b", "10.0.0.1", "", ""},
		{"a$(id)", "10.0.0.1", "", ""},
		{"a\n", "10.0.0.1", "", ""},
		{"jürgen", "10.0.0.1", "", ""},
		{strings.Repeat("x", 321), "10.0.0.1", "", ""},
		{"x", "", "/etc/a b/it's.yaml", `drawbridge account add --config '/etc/a b/it'\''s.yaml' 'x'`},
		{"x", "10.0.0.1", "drawbridge.yaml", "drawbridge account add --config 'drawbridge.yaml' --source 10.0.0.1 'x'"},
		{"a b", "10.0.0.1", "drawbridge.yaml", ""},
	}
	for _, test := range tests {
		var source netip.Addr
		if test.source != "" {
			source = netip.MustParseAddr(test.source)
		}
		if got := accounts.AddLine(test.login, source, test.config); got != test.want {
			t.Errorf("%q: got %q, want %q", test.login, got, test.want)
		}
	}
}

func FuzzAddLine(f *testing.F) {
	f.Add("fax7@contoso.com")
	f.Add("-x")
	f.Add("'; id #")
	f.Fuzz(func(t *testing.T, login string) {
		line := accounts.AddLine(login, netip.MustParseAddr("10.0.0.1"), "")
		if line != "" && (strings.Count(line, "'") != 2 || !strings.HasSuffix(line, " '"+login+"'")) {
			t.Errorf("%q became %q", login, line)
		}
	})
}

func TestAddLine_IsReadByAShellAsItIs(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		missing(t, "no sh on this machine") // nothing to paste into
	}
	line := accounts.AddLine("-a.b_c+d@x.example", netip.MustParseAddr("10.20.3.7"), "")
	out, err := exec.Command(sh, "-c", `drawbridge() { printf '%s|' "$@"; }; `+line).Output()
	if want := "account|add|--source|10.20.3.7|--|-a.b_c+d@x.example|"; err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}
