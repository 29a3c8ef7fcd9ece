package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/certs"
	"drawbridge/internal/sandbox"
	"drawbridge/inventory"
)

// TestModern_OAuthBearer logs in to a server that offers nothing else (RFC 7628).
func TestModern_OAuthBearer(t *testing.T) {
	t.Parallel()
	b := &bearerServer{said: make(chan string, 1)}
	w := newModernWorld(t, modernOptions{upstreamOf: func(w *modernWorld) string { return b.listen(t, w.world) }})
	got := w.try(t, scanner(sandbox.IMAP))
	got.want(t, "OK", inventory.OutcomeBridged, inventory.PhaseRelay, "")
	if got.record.UpstreamAuth != "OAUTHBEARER" {
		t.Errorf("record: upstream_auth %q, want OAUTHBEARER", got.record.UpstreamAuth)
	}
	select {
	case said := <-b.said:
		if !strings.HasPrefix(said, "n,a="+scannerMailbox+",\x01") || !strings.Contains(said, "\x01auth=Bearer ey") ||
			!strings.HasSuffix(said, "\x01\x01") {
			t.Errorf("the server was told %q, want a bearer token for %s", said, scannerMailbox)
		}
	case <-time.After(patience):
		t.Error("no login reached the server")
	}
}

// bearerServer is an IMAP server that offers OAUTHBEARER only, and tells what it was told.
type bearerServer struct{ said chan string }

// listen returns its address; its certificate is of a CA that w trusts.
func (b *bearerServer) listen(t *testing.T, w *world) string {
	t.Helper()
	withAuthority(t, w.dataDir())
	ca, err := certs.OpenCA(filepath.Join(w.dataDir(), certificates))
	must(t, err)
	root, err := ca.Export("pem")
	must(t, err)
	must(t, os.WriteFile(w.caFile(), root, 0o600))
	cert, key, err := ca.Issue([]string{"localhost"})
	must(t, err)
	pair, err := tls.X509KeyPair(cert, key)
	must(t, err)
	s := &stub{t: t, conns: map[net.Conn]bool{}}
	t.Cleanup(s.group.Wait)
	return s.listen(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, b.serve)
}

// serve takes any token.
func (b *bearerServer) serve(c net.Conn, r *bufio.Reader) error {
	const capabilities = "CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER"
	_, err := io.WriteString(c, "* OK ["+capabilities+"] ready\r\n")
	for err == nil {
		var line string
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
		words := strings.Fields(line)
		untagged := ""
		switch {
		case len(words) == 4 && words[1] == "AUTHENTICATE" && words[2] == "OAUTHBEARER":
			response, _ := base64.StdEncoding.DecodeString(words[3])
			b.said <- string(response)
		case len(words) > 1 && words[1] == "CAPABILITY":
			untagged = "* " + capabilities + "\r\n"
		case len(words) > 1 && words[1] == "STATUS":
			untagged = "* STATUS INBOX (MESSAGES 0)\r\n"
		case len(words) < 2 || words[1] == "AUTHENTICATE" || words[1] == "LOGIN":
			return fmt.Errorf("not offered: %q", words)
		}
		_, err = fmt.Fprintf(c, "%s%s OK done\r\n", untagged, words[0])
	}
	return err
}
