package certs

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"
)

// What strangers get at the challenge addresses while an order is under way.
func TestChallengeServers_TellStrangersNothing(t *testing.T) {
	auth, err := newAuthority(t.TempDir(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	httpAddress, alpnAddress := unused(t), unused(t)
	m, err := auth.newACME(&ACME{
		Directory: "https://127.0.0.1:1/dir", HTTPAddress: httpAddress, TLSALPNAddress: alpnAddress,
	}, []string{"bridge.contoso.test"}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	servers, err := m.issuer.(*acmeIssuer).listen()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/.well-known/acme-challenge/token"} {
		if code := status(t, "http://"+httpAddress+path); code != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, code)
		}
	}
	for name, config := range map[string]*tls.Config{
		"a browser":            {ServerName: "bridge.contoso.test", NextProtos: []string{"http/1.1"}},
		"no protocol":          {ServerName: "bridge.contoso.test"},
		"a validator too soon": {ServerName: "bridge.contoso.test", NextProtos: []string{alpnProtocol}},
	} {
		config.InsecureSkipVerify = true
		c, err := tls.Dial("tcp", alpnAddress, config)
		if err == nil {
			c.Close()
			t.Errorf("%s completes a handshake", name)
		}
	}
	servers.close()
	for _, address := range []string{httpAddress, alpnAddress} {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("%s is open after close", address)
		}
	}
}

// TestChallengeServers_BoundStrangers opens more connections than an address of challenges takes, from several sources.
func TestChallengeServers_BoundStrangers(t *testing.T) {
	auth, err := newAuthority(t.TempDir(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	httpAddress, alpnAddress := unused(t), unused(t)
	m, err := auth.newACME(&ACME{Directory: "https://127.0.0.1:1/dir", HTTPAddress: httpAddress, TLSALPNAddress: alpnAddress},
		[]string{"bridge.contoso.test"}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	servers, err := m.issuer.(*acmeIssuer).listen()
	if err != nil {
		t.Fatal(err)
	}
	defer servers.close()
	for _, address := range []string{httpAddress, alpnAddress} {
		var idle []net.Conn
		for i := range 100 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%20))}}
			c, err := d.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			idle = append(idle, c)
		}
		if address == httpAddress {
			if code := status(t, "http://"+address+"/"); code != http.StatusNotFound {
				t.Errorf("status %d while strangers hold connections, want 404", code)
			}
		}
		if open := stillOpen(idle); open > challengeBounds().All {
			t.Errorf("%s: %d connections are open, want %d at most", address, open, challengeBounds().All)
		}
	}
}

// stillOpen counts the connections that the other side has not closed.
func stillOpen(all []net.Conn) (open int) {
	soon := time.Now().Add(500 * time.Millisecond)
	for _, c := range all {
		_ = c.SetReadDeadline(soon)
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

func status(t *testing.T, url string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func unused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// The defaults and each mixture of hosts lead to clients that listen where they were told.
func TestACMEClients(t *testing.T) {
	auth, err := newAuthority(t.TempDir(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		http, alpn string
		clients    int
	}{
		{":80", ":443", 1},
		{":http", ":https", 1},
		{"127.0.0.1:80", "", 1},
		{"", "127.0.0.1:443", 1},
		{"127.0.0.1:80", "127.0.0.2:443", 2},
	} {
		m, err := auth.newACME(&ACME{HTTPAddress: tc.http, TLSALPNAddress: tc.alpn}, []string{"a.example.test"}, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		inner := m.issuer.(*acmeIssuer).inner
		if len(inner) != tc.clients {
			t.Errorf("%q and %q: %d clients, want %d", tc.http, tc.alpn, len(inner), tc.clients)
		}
		for _, c := range inner {
			onHTTP, onALPN := !c.DisableHTTPChallenge, !c.DisableTLSALPNChallenge
			if onHTTP && (tc.http == "" || c.AltHTTPPort != 80) || onALPN && (tc.alpn == "" || c.AltTLSALPNPort != 443) {
				t.Errorf("%q and %q: HTTP %v on %d, TLS-ALPN %v on %d", tc.http, tc.alpn, onHTTP, c.AltHTTPPort, onALPN, c.AltTLSALPNPort)
			}
		}
	}
}
