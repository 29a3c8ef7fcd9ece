package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/watch"
	"drawbridge/inventory"
)

// Options are what a dashboard shows and how it is guarded. Functions are called at each request, by any goroutine, and
// must be safe for concurrent use; those that are nil leave their part of the pages out.
type Options struct {
	Reader inventory.Reader // required
	Editor inventory.Editor // nil: read only

	// VerifyPassword tells whether a password is the one of admin.password; Argon2id makes one from a hash. It is called
	// for one password at a time. Nil stands for no password: then everyone on loopback may read, and nobody may write.
	VerifyPassword func(ctx context.Context, password string) bool
	Names          []string // host names answered besides loopback's, admin.names
	Secure         bool     // served over TLS: the cookie is Secure, and browsers are told to stay with TLS

	Live         func() []watch.Session
	Upstreams    func() []watch.Upstream
	Certificates func() []CertificateInfo
	CA           func() CA
	Readiness    func() Readiness // required
	Warnings     func() []string  // beyond those of Readiness: they may tell names
	Metrics      http.Handler     // of /metrics; nil: none

	// Export writes the inventory in a format: "csv", "json" or "html". It runs for 5 minutes at most.
	Export func(ctx context.Context, w io.Writer, format string, q inventory.Query) error

	Bridge, Version string
	StageNote       string           // said where a stage is set, such as that no stage is enforced yet
	Now             func() time.Time // nil: time.Now
	Zone            *time.Location   // of the times shown and of days; nil: UTC
	Log             *zap.Logger      // nil: none
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// CertificateInfo is a certificate that listeners serve, or one that could not be had.
type CertificateInfo struct {
	Name        string    `json:"name"` // of the entry: what the configuration calls it
	Kind        string    `json:"kind"` // "local_ca", "acme", "file"
	Names       []string  `json:"names"`
	Issuer      string    `json:"issuer"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, hex
	LastError   string    `json:"last_error,omitempty"`
}

// CA is the local CA's certificate in the forms that devices import: PEM, DER and PKCS#7. A form that is empty is not
// offered.
type CA struct {
	Name        string
	Fingerprint string // SHA-256, hex
	NotAfter    time.Time
	PEM, DER    []byte
	PKCS7       []byte
}
