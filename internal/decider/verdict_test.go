package decider

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"drawbridge/internal/oauth"
	"drawbridge/proxy/login"
)

func TestEntraVerdict_OutageIsNoGuess(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name string
		err  error
		want login.Verdict
	}{
		{"wrong password", &oauth.Error{Class: oauth.WrongPassword}, login.Rejected},
		{"not reached", &oauth.Error{Class: oauth.Network, Err: refused}, login.Unsent},
		{"no answer", &oauth.Error{Class: oauth.Network, Err: &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}}, login.NoAnswer},
		{"multi-factor", &oauth.Error{Class: oauth.Policy}, login.Unsent},
		{"throttled", &oauth.Error{Class: oauth.Throttled}, login.Unsent},
		{"locked account", &oauth.Error{Class: oauth.AccountFault}, login.NoAnswer},
		{"something else", errors.New("cut"), login.NoAnswer},
	} {
		if got := entraVerdict(oauth.Fault(c.err)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
