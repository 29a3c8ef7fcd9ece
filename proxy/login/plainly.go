package login

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
)

// Plainly says in a few words what an error of the network or of TLS means, for a sentence that an administrator reads: what was
// wrong, without the calls and addresses that Go puts before it.
func Plainly(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the name server fails: " + dns.Err
	case errors.As(err, &errno):
		return errno.Error() // the operating system's words: "no route to host"
	case IsClosed(err):
		return "the connection was closed"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "x509: ")
}
