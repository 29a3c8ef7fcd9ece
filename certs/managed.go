package certs

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// renewalWindow is the part of a leaf's life, at its end, in which it is renewed.
const renewalWindow = 1.0 / 3

// managed is one certificate that certmagic obtains, stores and renews: from the local CA or from an ACME server.
type managed struct {
	subject string // the one name by which certmagic knows it
	issuer  certmagic.Issuer
	config  *certmagic.Config
	storage certmagic.Storage
}

// authority is what the managed certificates of one Source share.
type authority struct {
	storage *storage
	cache   *certmagic.Cache
	log     *zap.Logger // certmagic's
}

// newAuthority makes a cache of our own, not the package's, and ends its maintenance at once: we serve by our own
// table and ask for renewals ourselves, so that every goroutine belongs to Source.Run.
func newAuthority(dir string, log *zap.Logger) (*authority, error) {
	st, err := newStorage(dir)
	if err != nil {
		return nil, fmt.Errorf("make the certificates folder: %w", err)
	}
	a := &authority{storage: st, log: warnings(log.Named("certmagic"))}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) {
			return nil, errors.New("certificates are renewed by their owners")
		},
		Logger: zap.NewNop(),
	})
	a.cache.Stop()
	return a, nil
}

// config is the one configuration of certmagic. Stapling and renewal information are off: they would be asked for on
// the network by goroutines that no one ends, and no device that needs the bridge asks for a staple.
func (a *authority) config(keys certmagic.KeyGenerator, issuers ...certmagic.Issuer) *certmagic.Config {
	return certmagic.New(a.cache, certmagic.Config{
		RenewalWindowRatio: renewalWindow,
		Issuers:            issuers,
		KeySource:          keys,
		Storage:            a.storage,
		OCSP:               certmagic.OCSPConfig{DisableStapling: true},
		DisableARI:         true,
		Logger:             a.log,
	})
}

// warnings drops what certmagic says of its daily work. A logger that is stricter already stays as it is.
func warnings(log *zap.Logger) *zap.Logger {
	if level := zapcore.LevelOf(log.Core()); level >= zap.WarnLevel {
		return log
	}
	return log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))
}

// fresh gives a certificate that is not due for renewal, from storage if another replica has made it already. It asks
// the issuer once and does not try again.
func (m *managed) fresh(ctx context.Context) (*tls.Certificate, error) {
	cert, err := m.load(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = m.config.ObtainCertSync(ctx, m.subject)
	case errors.Is(err, errTorn):
		err = m.replace(ctx)
	case err != nil:
		return nil, err
	case time.Now().Before(renewalOf(cert.Leaf)):
		return cert, nil
	default:
		err = m.config.RenewCertSync(ctx, m.subject, false)
	}
	if err != nil {
		return nil, err
	}
	return m.load(ctx)
}

// errTorn marks stored files that do not make a certificate, as a crash between writing key and leaf leaves them.
var errTorn = errors.New("stored certificate is unusable")

func (m *managed) load(ctx context.Context) (*tls.Certificate, error) {
	keys := certmagic.StorageKeys
	leaf, err := m.storage.Load(ctx, keys.SiteCert(m.issuer.IssuerKey(), m.subject))
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	key, err := m.storage.Load(ctx, keys.SitePrivateKey(m.issuer.IssuerKey(), m.subject))
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	cert, err := tls.X509KeyPair(leaf, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTorn, err)
	}
	return &cert, nil
}

// replace drops what is stored and obtains anew.
func (m *managed) replace(ctx context.Context) error {
	folder := certmagic.StorageKeys.CertsSitePrefix(m.issuer.IssuerKey(), m.subject)
	if err := m.storage.Delete(ctx, folder); err != nil {
		return fmt.Errorf("remove an unusable certificate: %w", err)
	}
	return m.config.ObtainCertSync(ctx, m.subject)
}

// keyring makes RSA keys, since certmagic's default is ECDSA, and remembers the last: certmagic signs a request for
// one name, and only who has the key can sign another with all names. One certificate has one keyring, and certmagic's
// lock lets one request at a time use it.
type keyring struct {
	mu   sync.Mutex
	last *rsa.PrivateKey
}

// GenerateKey implements certmagic.KeyGenerator.
func (k *keyring) GenerateKey() (crypto.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	k.mu.Lock()
	k.last = key
	k.mu.Unlock()
	return key, nil
}

// take gives the private half of public, once.
func (k *keyring) take(public crypto.PublicKey) (*rsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.last
	k.last = nil
	if key == nil || !key.PublicKey.Equal(public) {
		return nil, errors.New("the request was made with a key of another certificate")
	}
	return key, nil
}

// localIssuer makes the local CA a certmagic.Issuer for one entry.
type localIssuer struct {
	ca    *CA
	names []string
}

// newLocal manages the one leaf that the local CA makes for all of names.
func (a *authority) newLocal(ca *CA, names []string) *managed {
	issuer := &localIssuer{ca: ca, names: names}
	return &managed{
		subject: subjectOf(names),
		issuer:  issuer,
		config:  a.config(new(keyring), issuer),
		storage: a.storage,
	}
}

// IssuerKey names the CA by its fingerprint, so that leaves of an earlier CA are not found any more.
func (l *localIssuer) IssuerKey() string { return "local-" + l.ca.Fingerprint()[:16] }

// Issue takes from the request only the key; the names are the entry's.
func (l *localIssuer) Issue(_ context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	der, err := l.ca.sign(l.names, csr.PublicKey, time.Now())
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: encodeCertificate(der)}, nil
}
