package login_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"drawbridge/proxy/login"
)

func TestPlainly_SaysWhatWasWrongAndNotInWhichCall(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 993}
	call := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: address, Addr: address, Err: os.NewSyscallError("read", err)}
	}
	for want, err := range map[string]error{
		"no answer in time":                         &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded},
		"no route to host":                          call(syscall.EHOSTUNREACH),
		"connection timed out":                      call(syscall.ETIMEDOUT),
		"the connection was closed":                 fmt.Errorf("greet: %w", io.ErrUnexpectedEOF),
		"no such host":                              &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
		"the name server fails: server misbehaving": &net.DNSError{Err: "server misbehaving", Server: "10.0.0.1:53"},
		"handshake failure":                         &net.OpError{Op: "remote error", Err: tls.AlertError(40)},
		"certificate signed by unknown authority":   &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"received record with version 301":          errors.New("tls: received record with version 301"),
		"it sent a line of more than 65536 bytes":   fmt.Errorf("greet: %w", errors.New("it sent a line of more than 65536 bytes")),
		"no answer in time ":                        nil,
	} {
		if err == nil {
			err, want = fmt.Errorf("dial: %w", context.DeadlineExceeded), "no answer in time"
		}
		if got := login.Plainly(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
