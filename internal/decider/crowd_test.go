package decider_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"drawbridge/internal/accounts"
	"drawbridge/internal/decider"
	"drawbridge/internal/secret"
	"drawbridge/internal/upstreams"
	"drawbridge/inventory"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/login"
)

// A device that has a fleet's password logs in under all the names of its pattern: that makes its address no shared source.
func TestDecide_NamesOfOnePatternMakeNoSharedSource(t *testing.T) {
	cfg := house()
	services, err := upstreams.New(cfg.Upstreams, upstreams.Options{})
	must(t, err)
	defer services.Retire(nil)
	hash, err := accounts.Hash(secret.New("4711"), accounts.DefaultParameters())
	must(t, err)
	fleet := accounts.Account{Login: "*@contoso.test", Passwords: []accounts.Password{{Hash: hash}},
		Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for i := range 22 {
		fleet.Mailboxes = append(fleet.Mailboxes, fmt.Sprintf("fax%d@contoso.test", i))
	}
	book, err := accounts.NewBook([]accounts.Account{fleet}, accounts.Options{})
	must(t, err)
	verified, err := guard.OpenVerified("")
	must(t, err)
	failures := guard.NewFailures(guard.FailureOptions{Verified: verified})
	d, err := decider.New(decider.Options{Config: cfg, Upstreams: services, Book: book, Verified: verified, Failures: failures})
	must(t, err)
	from := netip.MustParseAddr("10.0.0.7")
	for _, name := range fleet.Mailboxes {
		s := &inventory.Session{Source: inventory.Source{IP: from}, Protocol: "imap"}
		decision, err := d.Decide(t.Context(), time.Now(), s, login.Credentials{Account: name, Password: secret.New("4711"), Mechanism: "LOGIN"})
		must(t, err)
		if !decision.Checked {
			t.Errorf("%s was not checked", name)
		}
	}
	if !failures.Standing(from).Known {
		t.Error("the source is not known")
	}
	if verified.IsShared(from) {
		t.Error("22 names of one pattern count as 22 accounts")
	}
}
