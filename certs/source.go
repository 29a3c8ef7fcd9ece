package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/secret"
)

// Entry is one entry of `certificates`. Exactly one field is set.
type Entry struct {
	LocalCA *LocalCA
	ACME    *ACME
	File    *File
}

// LocalCA asks for a leaf of the installation's own CA.
type LocalCA struct {
	Names []string // DNS names and IP addresses, at least one (see DefaultNames); the first is the common name too
}

// ACME asks for a certificate of an ACME server. Until it has issued the local CA serves the entry.
type ACME struct {
	Names          []string // full DNS names without wildcards, all in one certificate
	Email          string   // of the account; may be empty
	Directory      string   // URL; "" is Let's Encrypt
	CAFile         string   // PEM of roots for the directory, besides the system's; may be empty
	HTTPAddress    string   // where HTTP-01 is answered while an order is under way; "" switches it off
	TLSALPNAddress string   // where TLS-ALPN-01 is answered; "" switches it off
	External       *ExternalAccount
}

// ExternalAccount is the account at an ACME service that serves its own customers only (RFC 8555, section 7.3.4).
type ExternalAccount struct {
	ID  string
	Key secret.Secret // of the HMAC, in base64 of either alphabet, padded or not
}

// File asks for a certificate that others keep. Its files are read again when they change.
type File struct {
	Certificate, Key string // paths of PEM files; the certificate's holds the leaf first, then its chain
}

// Options are what New needs.
type Options struct {
	Dir     string        // the certificates folder of the data directory: CA, leaves, keys; made with mode 0700
	Entries []Entry       // at least one; the first serves clients that name no server or an unknown one
	Logger  *zap.Logger   // nil: nothing is logged
	Retry   time.Duration // first wait after a failed order or renewal, doubling up to 6 h; 0: 2 min
	Poll    time.Duration // how often files are looked at beside the system's notices; 0: 1 min
}

// startTimeout bounds what New waits for: keys to be made, and locks of another process that shares the folder.
const startTimeout = time.Minute

// Source holds the certificates of all entries. Its methods may be called at any time from any goroutine.
type Source struct {
	log     *zap.Logger
	retry   time.Duration
	poll    time.Duration
	table   atomic.Pointer[table]
	mu      sync.Mutex // guards what changes in entries, and orders stores to table
	entries []*entry
}

// entry is the state of one Entry. names, cert, failure and fallen change, under Source.mu.
type entry struct {
	kind    string
	names   []string
	cert    *tls.Certificate
	failure error // of the last attempt to renew or reload, nil after a success
	fallen  bool  // an ACME entry that the local CA still serves

	managed  *managed // local_ca and acme
	fallback *managed // acme: the local CA's stand-in
	files    *filePair
}

// New opens the local CA (making it at first use), loads what is stored, makes the local leaves that are missing or
// due, and reads files, so that the Source can serve when New returns; it starts no goroutine. ACME orders are placed
// by Run. An error names the entry by its place in Entries, counted from 0, and says what to do.
func New(o Options) (*Source, error) {
	if len(o.Entries) == 0 {
		return nil, errors.New("no certificates: configure at least one entry")
	}
	b := builder{options: o, log: o.Logger}
	if b.log == nil {
		b.log = zap.NewNop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s := &Source{log: b.log, retry: o.Retry, poll: o.Poll}
	if s.retry <= 0 {
		s.retry = 2 * time.Minute
	}
	if s.poll <= 0 {
		s.poll = time.Minute
	}
	for i, e := range o.Entries {
		built, err := b.entry(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("certificates[%d]: %w", i, err)
		}
		s.entries = append(s.entries, built)
	}
	s.table.Store(newTable(s.entries))
	return s, nil
}

// GetCertificate is for tls.Config: the server name alone decides, whatever its case, with or without a trailing dot.
// No name and an unknown one get the first entry's certificate. It never fails, takes no lock, and does not allocate for
// names in lower case. A certificate once given is never changed: sessions under way keep theirs through renewals.
func (s *Source) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.table.Load().find(hello.ServerName), nil
}

// update changes an entry and publishes the result to new handshakes.
func (s *Source) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.table.Store(newTable(s.entries))
}

// Facts describe the certificate that an entry shows at the moment.
type Facts struct {
	Kind        string    `json:"kind"`                 // "local_ca", "acme" or "file"
	Names       []string  `json:"names"`                // as configured; of files, as the leaf has them
	Subject     string    `json:"subject"`              // RFC 4514 form
	Issuer      string    `json:"issuer"`               // RFC 4514 form
	Serial      string    `json:"serial"`               // lower case hex
	Fingerprint string    `json:"fingerprint"`          // SHA-256 of the leaf, lower case hex
	NotBefore   time.Time `json:"not_before"`           // UTC
	NotAfter    time.Time `json:"not_after"`            // UTC
	Renewal     time.Time `json:"renewal,omitzero"`     // when it is due for renewal; zero for files
	LastError   string    `json:"last_error,omitempty"` // of the last renewal or reload, if that failed
	Fallback    bool      `json:"fallback,omitempty"`   // an ACME entry that the local CA serves until ACME has issued
	MessageSize int       `json:"message_size"`         // bytes of the TLS 1.2 Certificate handshake message
}

// List describes each entry, in the order of Options.Entries.
func (s *Source) List() []Facts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Facts, 0, len(s.entries))
	for _, e := range s.entries {
		out = append(out, e.facts())
	}
	return out
}

func (e *entry) facts() Facts {
	leaf := e.cert.Leaf
	f := Facts{
		Kind:        e.kind,
		Names:       slices.Clone(e.names),
		Subject:     leaf.Subject.String(),
		Issuer:      leaf.Issuer.String(),
		Serial:      leaf.SerialNumber.Text(16),
		Fingerprint: fingerprint(leaf.Raw),
		NotBefore:   leaf.NotBefore.UTC(),
		NotAfter:    leaf.NotAfter.UTC(),
		Fallback:    e.fallen,
		MessageSize: messageSize(e.cert),
	}
	if e.kind != kindFile {
		f.Renewal = renewalOf(leaf).UTC()
	}
	if e.failure != nil {
		f.LastError = e.failure.Error()
	}
	return f
}

// messageSize is the length of the Certificate message up to TLS 1.2 (RFC 5246, section 7.4.2): header, length of the
// list, and a length before each certificate.
func messageSize(cert *tls.Certificate) int {
	size := 4 + 3
	for _, der := range cert.Certificate {
		size += 3 + len(der)
	}
	return size
}
