package sandbox

import (
	"crypto/tls"
	"io"
	"time"
)

// NewFilter lets tests outside the package try the line filter.
func NewFilter(out io.Writer, rewrite func([]byte) []byte) io.Writer {
	return &filter{out: out, rewrite: rewrite}
}

// SelfSigned makes a certificate for a server that is none of the stand-in's.
func SelfSigned() (tls.Certificate, error) {
	a, err := newAuthority(time.Now())
	if err != nil {
		return tls.Certificate{}, err
	}
	return a.issue(SelfSignedCertificate, time.Now())
}
