package decider

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"drawbridge/internal/oauth"
	"drawbridge/proxy"
)

func TestEntraVerdict_OutageIsNoGuess(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name string
		err  error
		want proxy.Verdict
	}{
		{"wrong password", &oauth.Error{Class: oauth.WrongPassword}, proxy.Refused},
		{"not reached", &oauth.Error{Class: oauth.Network, Err: refused}, proxy.Unsent},
		{"no answer", &oauth.Error{Class: oauth.Network, Err: &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}}, proxy.NoAnswer},
		{"multi-factor", &oauth.Error{Class: oauth.Policy}, proxy.Unsent},
		{"throttled", &oauth.Error{Class: oauth.Throttled}, proxy.Unsent},
		{"locked account", &oauth.Error{Class: oauth.AccountFault}, proxy.NoAnswer},
		{"something else", errors.New("cut"), proxy.NoAnswer},
	} {
		if got := entraVerdict(oauth.Fault(c.err)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
