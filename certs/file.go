package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/pemfile"
)

// comfortable is the size of a Certificate message beyond which small devices are known to give up.
const comfortable = 2048

// filePair reads certificate and key files that others keep. Only one goroutine uses it at a time.
type filePair struct {
	File
	seen [sha256.Size]byte // of the contents last read
}

// errUnchanged is read's answer when both files are what they were.
var errUnchanged = errors.New("unchanged")

// read gives the pair's certificate, errUnchanged if it was read before (good or bad), or what is wrong with it.
func (p *filePair) read() (*tls.Certificate, error) {
	cert, err := readFile(p.Certificate)
	if err != nil {
		p.seen = [sha256.Size]byte{} // the same contents are news once they are back
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	key, err := readFile(p.Key)
	if err != nil {
		p.seen = [sha256.Size]byte{}
		return nil, fmt.Errorf("read key: %w", err)
	}
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if sum == p.seen {
		return nil, errUnchanged
	}
	p.seen = sum
	pair, err := pemfile.Pair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.Certificate, p.Key, err)
	}
	return &pair, nil
}

// folders are those whose changes can change the pair: where the names are, and where they lead.
func (p *filePair) folders() []string {
	var out []string
	for _, name := range []string{p.Certificate, p.Key} {
		out = append(out, filepath.Dir(name))
		if target, err := filepath.EvalSymlinks(name); err == nil {
			out = append(out, filepath.Dir(target))
		}
	}
	return out
}

// warnUnfit says what will keep devices from using a certificate that loads.
func warnUnfit(log *zap.Logger, file string, cert *tls.Certificate) {
	leaf := cert.Leaf
	log = log.With(zap.String("file", file))
	switch leaf.PublicKey.(type) {
	case *rsa.PublicKey:
	case *ecdsa.PublicKey:
		log.Warn("this certificate has an ECDSA key: devices that know only RSA cipher suites cannot connect; " +
			"have one with an RSA-2048 key issued")
	default:
		log.Warn("this certificate's key is neither RSA nor ECDSA: old devices cannot connect; have one with an RSA-2048 key issued")
	}
	now := time.Now()
	if now.After(leaf.NotAfter) {
		log.Warn("this certificate has expired: replace the file, it is read again at once", zap.Time("not_after", leaf.NotAfter))
	}
	if now.Before(leaf.NotBefore) {
		log.Warn("this certificate is not valid yet: check the clock, or replace the file", zap.Time("not_before", leaf.NotBefore))
	}
	warnLarge(log, namesOf(leaf), cert)
}

func warnLarge(log *zap.Logger, names []string, cert *tls.Certificate) {
	if size := messageSize(cert); size > comfortable {
		log.Warn("the certificate message is large for small devices: use fewer names or a shorter chain",
			zap.Int("bytes", size), zap.String("names", strings.Join(names, " ")))
	}
}

// maxFile bounds what is read of a certificate or key file.
const maxFile = 1 << 20

// readFile reads a file of at most maxFile bytes.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, this is no certificate or key", name, maxFile)
	}
	return data, nil
}
