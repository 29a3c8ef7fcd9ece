package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

func TestUpstream_LookupTellsAddressesAndTheStepThatFails(t *testing.T) {
	t.Parallel()
	want := errors.New("no such host")
	u := proxy.NewUpstream(proxy.UpstreamOptions{Name: "u", Addresses: map[string]string{"imap": "127.0.0.1:993", "pop3": "mail.invalid:995"},
		Resolve: func(context.Context, string, string) ([]netip.Addr, error) { return nil, want }})
	addrs, err := u.Lookup(t.Context(), "imap")
	if err != nil || len(addrs) != 1 || addrs[0].String() != "127.0.0.1" {
		t.Errorf("an address in place of a name: %v, %v", addrs, err)
	}
	_, err = u.Lookup(t.Context(), "pop3")
	var failed *proxy.DialError
	if !errors.As(err, &failed) || failed.Step != proxy.StepDNS || !errors.Is(err, want) {
		t.Errorf("a name that does not exist: %v", err)
	}
	if _, err := u.Lookup(t.Context(), "smtp"); err == nil {
		t.Error("a protocol without an address was looked up")
	}
}

func TestConn_StreamGivesBackWhatWasReadAndKeepsTheDeadline(t *testing.T) {
	t.Parallel()
	ours, peer := net.Pipe()
	defer func() { _ = peer.Close() }()
	c := login.NewConn(ours, login.ConnOptions{})
	if c.PeerCertificate() != nil {
		t.Error("a certificate outside TLS")
	}
	written := make(chan error, 1)
	go func() {
		_, err := peer.Write([]byte("* OK hello\r\n* more"))
		written <- err
	}()
	line, err := c.ReadLine(100)
	if err != nil || string(line) != "* OK hello" {
		t.Fatalf("the greeting: %q, %v", line, err)
	}
	s := c.Stream(string(line) + "\r\n")
	got := make([]byte, len("* OK hello\r\n* more"))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != "* OK hello\r\n* more" {
		t.Errorf("the stream: %q, %v", got, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := errors.Join(c.SetDeadline(time.Unix(1, 0)), s.SetDeadline(time.Time{}), s.SetReadDeadline(time.Time{}),
		s.SetWriteDeadline(time.Time{})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(got); err == nil {
		t.Error("the stream took the Conn's deadline away")
	}
	if _, err := s.Write(got); err == nil {
		t.Error("the stream writes after the deadline")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
