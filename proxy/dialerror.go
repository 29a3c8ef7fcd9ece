package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"drawbridge/internal/chain"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

// The steps of a dial that can fail.
const (
	StepDNS  = "dns"
	StepTCP  = "tcp"
	StepTLS  = "tls"
	StepCert = "certificate"
)

// DialError is a dial that failed at one step; Sentence says so to an administrator, and what to do.
type DialError struct {
	Step     string
	Sentence string
	Err      error
}

// Error returns the sentence.
func (e *DialError) Error() string { return e.Sentence }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

func (u *Upstream) tcpError(err error, host, port string) error {
	where := net.JoinHostPort(host, port)
	e := &DialError{Step: StepTCP, Err: err}
	switch {
	case errors.Is(err, context.DeadlineExceeded) || login.IsTimeout(err):
		e.Sentence = fmt.Sprintf("the upstream %s does not answer at %s (upstreams.%s.dial_timeout: %s): check the firewall "+
			"and the address", u.o.Name, where, u.o.Name, login.Span(u.o.DialTimeout))
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Sentence = fmt.Sprintf("the upstream %s refuses connections at %s: check the address and that the service runs", u.o.Name, where)
	default:
		e.Sentence = fmt.Sprintf("the upstream %s cannot be reached at %s (%s): check this machine's network, its routes and firewall, and "+
			"upstreams.%s.family", u.o.Name, where, login.Plainly(err), u.o.Name)
	}
	return e
}

func (u *Upstream) tlsError(err error, name string) error {
	e := &DialError{Step: StepTLS, Err: err}
	var unverified *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &unverified):
		e.Step = StepCert
		e.Sentence = u.certificateSentence(unverified, name)
	case errors.Is(err, context.DeadlineExceeded) || login.IsTimeout(err):
		e.Sentence = fmt.Sprintf("the upstream %s did not complete the TLS handshake in time "+
			"(upstreams.%s.dial_timeout: %s): check the port and upstreams.%s.tls, and look for what holds packets back on the way",
			u.o.Name, u.o.Name, login.Span(u.o.DialTimeout), u.o.Name)
	case errors.As(err, &plain) && !u.o.StartTLS:
		e.Sentence = fmt.Sprintf("the upstream %s answers in plain text where TLS was to begin: set upstreams.%s.tls to starttls, or name "+
			"its port with TLS (993, 995)", u.o.Name, u.o.Name)
	case login.IsClosed(err):
		e.Sentence = fmt.Sprintf("the upstream %s broke the TLS handshake off: check its port and "+
			"upstreams.%s.tls, and that no firewall on the way does this", u.o.Name, u.o.Name)
	case devicetls.ReceivedAlert(err) == "protocol_version" || isVersionError(err):
		e.Sentence = u.versionSentence()
	default:
		e.Sentence = fmt.Sprintf("the TLS handshake with the upstream %s failed (%s): check that it has TLS 1.2 or newer with today's "+
			"cipher suites, and look at its log", u.o.Name, login.Plainly(err))
	}
	return e
}

func (u *Upstream) versionSentence() string {
	if u.o.TLS13Only {
		return fmt.Sprintf("the upstream %s does not speak TLS 1.3, and upstreams.%s.min_version asks for that: "+
			"set it to 1.2", u.o.Name, u.o.Name)
	}
	return fmt.Sprintf("the upstream %s does not speak TLS 1.2 or newer: nothing older is used towards an upstream", u.o.Name)
}

// isVersionError reports whether crypto/tls ended the handshake because the server chose a version below ours.
func isVersionError(err error) bool {
	return strings.Contains(err.Error(), "server selected unsupported protocol version")
}

func (u *Upstream) certificateSentence(unverified *tls.CertificateVerificationError, name string) string {
	err := unverified.Err
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) { // of a signature that it does not check, crypto/x509 says that nobody knows who made it
		err = cmp.Or(chain.Weakness(unverified.UnverifiedCertificates), err)
	}
	var weak *chain.WeakError
	var wrong x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &weak):
		return fmt.Sprintf("the certificate of the upstream %s could be forged, since %v: nothing below RSA with 2048 bits and SHA-256 is "+
			"trusted, have it issued anew there", u.o.Name, weak)
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate of the upstream %s is signed by an unknown authority: name its root in upstreams.%s.ca "+
			"if it is yours", u.o.Name, u.o.Name)
	case errors.As(err, &wrong) && len(wrong.Certificate.DNSNames)+len(wrong.Certificate.IPAddresses) == 0:
		return fmt.Sprintf("the certificate of the upstream %s carries no names (subjectAltName) but its common name, which nobody takes "+
			"any more: have it issued anew there for %s", u.o.Name, name)
	case errors.As(err, &wrong):
		return fmt.Sprintf("the certificate of the upstream %s is not for %s: set upstreams.%s.server_name to a name that it carries, if that "+
			"server is the right one", u.o.Name, name, u.o.Name)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of the upstream %s has expired or is not valid yet: renew it there, and check this "+
			"machine's clock", u.o.Name)
	}
	return fmt.Sprintf("the certificate of the upstream %s does not verify (%s): have it issued anew there", u.o.Name, login.Plainly(err))
}
