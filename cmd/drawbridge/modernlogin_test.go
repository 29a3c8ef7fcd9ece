package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

func TestModern_RefusedLoginsReadAlike(t *testing.T) {
	t.Parallel()
	readAlike(t)
}

// readAlike has logins fail for every reason that a stranger must not learn. What they read is the same, and no sooner than after a
// second; the records tell them apart. It returns how long the longest waited.
func readAlike(t *testing.T) (longest time.Duration) {
	t.Helper()
	w := newModernWorld(t, modernOptions{accounts: modernAccount(t, scannerLogin, scannerMailbox, scannerCode, "") +
		modernAccount(t, "old", scannerMailbox, "4711", ", expires: 2020-01-01") +
		modernAccount(t, "off", scannerMailbox, "4711", ", disabled: true") +
		modernAccount(t, "elsewhere", scannerMailbox, "4711", ", sources: [192.0.2.0/24]") +
		modernAccount(t, "popper", scannerMailbox, "4711", ", protocols: [pop3]") +
		modernAccount(t, "mapper", scannerMailbox, "4711", ", protocols: [imap]")})
	wrongProtocol := map[sandbox.Protocol]string{sandbox.IMAP: "popper", sandbox.POP3: "mapper"}
	for n, protocol := range bothProtocols {
		knocks := []knock{{name: "nobody", password: "4711"}, {name: scannerLogin, password: "wrong"}, {name: "old", password: "4711"},
			{name: "off", password: "4711"},
			{name: "elsewhere", password: "4711"}, {name: wrongProtocol[protocol], password: "4711"}}
		all := w.storm(t, len(knocks), func(i int) knock {
			k := knocks[i]
			k.protocol, k.source = protocol, fmt.Sprintf("127.0.%d.%d", 4+n, 1+i)
			return k
		})
		reasons := map[string]string{}
		for i, got := range all {
			got.want(t, wrongPassword[protocol], inventory.OutcomeLoginFailed, inventory.PhaseDecide, "")
			if got.reads != all[0].reads || got.took < time.Second {
				t.Errorf("%s over %s read %q after %v, want %q after one second", knocks[i].name, protocol, got.reads, got.took, all[0].reads)
			}
			if same, ok := reasons[got.record.Reason]; ok || got.record.Reason == "" {
				t.Errorf("the records of %s and %s give the same reason: %q", same, knocks[i].name, got.record.Reason)
			}
			reasons[got.record.Reason] = knocks[i].name
			longest = max(longest, got.took)
		}
	}
	if dials, tokens := w.exchange.Log().Count(sandbox.Accepted), w.entra.Log().Tokens(); dials != 0 || tokens != 0 {
		t.Errorf("%d connections and %d requests for a token, want none for a login that is wrong here", dials, tokens)
	}
	return longest
}

func TestModern_WrongLoginsTouchNothing(t *testing.T) {
	t.Parallel()
	guessInVain(t, 25)
}

// guessInVain lets strangers guess while sessions are up, forty times as often as there are devices: after 30 guesses at one it would be
// closed to strangers. Every guess is checked: no pair, source or account has so many failures that it is refused unasked. It returns how
// long the right logins took afterwards, one after the other.
func guessInVain(t *testing.T, devices int) (took time.Duration) {
	t.Helper()
	const atOnce = 250
	wrong := 40 * devices
	device := func(i int) string { return fmt.Sprintf("%s%d", scannerLogin, i%devices) }
	list := ""
	for i := range devices {
		list += modernAccount(t, device(i), scannerMailbox, scannerCode, "")
	}
	w := newModernWorld(t, modernOptions{accounts: list})
	running := w.stay(t, device)
	w.guessAll(t, wrong, atOnce, func(i int) knock {
		k := knock{protocol: bothProtocols[i/2%2], source: stormSource(i), name: device(i / 2), password: fmt.Sprintf("guess%d", i)}
		if i%2 == 1 {
			k.name = fmt.Sprintf("stranger%d", i)
		}
		return k
	})
	for i, c := range running {
		c.wantOK(i)
	}
	began := time.Now()
	for i := range devices { // those guessed at, from sources that were never seen: nobody is locked out
		k := knock{protocol: bothProtocols[i%2], source: fmt.Sprintf("127.0.7.%d", 1+i), name: device(i), password: scannerCode}
		got := w.try(t, k)
		got.want(t, loggedIn[k.protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
	}
	took = time.Since(began)
	w.wantOneToken(t, len(running)+devices)
	return took
}

// stay has three devices log in that stay, by both protocols.
func (w *modernWorld) stay(t *testing.T, device func(int) string) []*client {
	t.Helper()
	var running []*client
	for i := range 3 {
		k := knock{protocol: bothProtocols[i%2], source: fmt.Sprintf("127.0.6.%d", 1+i), name: device(i), password: scannerCode}
		c, reads, _ := w.login(t, k)
		if !strings.HasPrefix(reads, loggedIn[k.protocol]) {
			t.Fatalf("the device read %q, want %s", reads, loggedIn[k.protocol])
		}
		running = append(running, c)
	}
	return running
}

// wantOK has the i-th of stay's devices go on with its session.
func (c *client) wantOK(i int) {
	c.t.Helper()
	must(c.t, c.SetDeadline(time.Now().Add(patience)))
	command, ok := "b SELECT INBOX", "b OK"
	if bothProtocols[i%2] == sandbox.POP3 {
		command, ok = "LIST 1", "+OK"
	}
	c.say(command)
	if got := c.hear(ok[:2]); !strings.HasPrefix(got, ok) {
		c.t.Errorf("the running session reads %q, want %s", got, ok)
	}
}

// guessAll has n wrong logins tried, atOnce at a time, and sees that each was refused as wrong after it was checked.
func (w *modernWorld) guessAll(t *testing.T, n, atOnce int, of func(i int) knock) {
	t.Helper()
	places := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			c, reads, _ := w.login(t, of(i))
			_ = c.Close()
			if want := wrongPassword[of(i).protocol]; reads != want {
				t.Errorf("guess %d read %q, want %q", i, reads, want)
			}
		})
	}
	group.Wait()
	failed := func() []*inventory.Session {
		return slices.DeleteFunc(w.records.sessions(), func(s *inventory.Session) bool { return s.Outcome != inventory.OutcomeLoginFailed })
	}
	until(t, "the guesses' records", func() bool { return len(failed()) == n })
	for _, s := range failed() {
		if !strings.HasPrefix(s.Reason, "wrong password for the account "+s.ClaimedAccount+":") &&
			!strings.HasPrefix(s.Reason, "no account has this login:") {
			t.Fatalf("%s was refused with %q, want every guess checked", s.ClaimedAccount, s.Reason)
		}
	}
}

// wantOneToken sees that so many logins were served by one token, and that nobody else came as far as Exchange or Entra ID.
func (w *modernWorld) wantOneToken(t *testing.T, logins int) {
	t.Helper()
	tokens := map[string]bool{}
	for _, l := range w.exchange.Log().Logins() {
		tokens[l.Token] = true
	}
	if n := w.entra.Log().Tokens(); n != 1 || len(tokens) != 1 {
		t.Errorf("%d requests for a token and %d tokens shown to Exchange, want one", n, len(tokens))
	}
	if n := w.exchange.Log().Count(sandbox.Accepted); n != logins {
		t.Errorf("%d connections to Exchange, want those of the %d good logins", n, logins)
	}
}

// userMailbox is a mailbox whose password Entra ID checks.
const userMailbox = "fax1@contoso.example"

// newPasswordWorld is one whose upstream has flow password, with a user in Entra ID and no password here.
func newPasswordWorld(t *testing.T, user sandbox.User, o modernOptions) *modernWorld {
	t.Helper()
	o.flow = "password"
	o.accounts = fmt.Sprintf("  - {login: %q, mailbox: %q}\n", userMailbox, userMailbox)
	o.change = func(tenant *sandbox.Tenant) {
		tenant.Applications[0].PublicFlows = true
		tenant.Users = []sandbox.User{user}
	}
	w := newModernWorld(t, o)
	w.mailbox(sandbox.Account{Address: userMailbox, Messages: [][]byte{messageOf(1)}})
	return w
}

// TestModern_EntraChecksThePassword logs in by a password that only Entra ID knows, and guesses at it.
func TestModern_EntraChecksThePassword(t *testing.T) {
	for _, protocol := range bothProtocols {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			w := newPasswordWorld(t, sandbox.User{Name: userMailbox, Password: "right-one"}, modernOptions{})
			at := func(source, password string) tried {
				return w.try(t, knock{protocol: protocol, source: source, name: userMailbox, password: password})
			}
			at("127.0.6.1", "wrong-0").want(t, wrongPassword[protocol], inventory.OutcomeLoginFailed, inventory.PhaseDecide, "")
			at("127.0.6.2", "wrong-0").want(t, wrongPassword[protocol], inventory.OutcomeLoginFailed, inventory.PhaseDecide, "") // unasked
			at("127.0.6.3", "right-one").want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
			at("127.0.6.4", "wrong-1").want(t, tooManyFailures[protocol], inventory.OutcomeRefused, inventory.PhaseDecide, "guesses")
			at("127.0.6.4", "right-one").want(t, loggedIn[protocol], inventory.OutcomeBridged, inventory.PhaseRelay, "")
			shown := map[string]int{}
			for _, r := range w.entra.Log().Requests(sandbox.Password) {
				shown[r.Form.Get("password")]++
			}
			if len(shown) != 2 || shown["wrong-0"] != 1 || shown["right-one"] != 1 {
				t.Errorf("Entra ID was shown %v, want wrong-0 and right-one once each", shown)
			}
			for _, l := range w.exchange.Log().Logins() {
				if l.Password != "" || l.Mechanism != "XOAUTH2" {
					t.Errorf("a login reached Exchange by %s", l.Mechanism)
				}
			}
		})
	}
}

// TestModern_EntraRefusesTheRightPassword has a policy or the state of the account stand in the way: the device's password is not wrong.
func TestModern_EntraRefusesTheRightPassword(t *testing.T) {
	for code, reason := range map[int]string{50076: "multi-factor authentication is required", 53003: "Conditional Access refuses",
		50057: "the account is disabled"} {
		t.Run(fmt.Sprintf("AADSTS%d", code), func(t *testing.T) {
			t.Parallel()
			user := sandbox.User{Name: userMailbox, Password: "right-one", Refusal: code}
			w := newPasswordWorld(t, user, modernOptions{guesses: 20}) // what Entra ID neither took nor called wrong is a guess
			for _, protocol := range bothProtocols {
				got := w.try(t, knock{protocol: protocol, name: userMailbox, password: user.Password})
				got.want(t, unavailable[protocol], inventory.OutcomeUpstreamFailed, inventory.PhaseDecide, reason)
			}
			user.Refusal = 0
			must(t, w.entra.SetUser(w.tenant.ID, user))
			for _, protocol := range bothProtocols {
				w.wantMail(t, knock{protocol: protocol, name: userMailbox, password: user.Password})
			}
		})
	}
}
