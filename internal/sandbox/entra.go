package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// EntraOptions describe an [Entra] stand-in. Every zero value stands for the default.
type EntraOptions struct {
	Address         string           // default 127.0.0.1:0
	MetadataAddress string           // of the metadata endpoint; default 127.0.0.1:0
	Tenants         []Tenant         // more can be added later
	Now             func() time.Time // default time.Now; tests turn the clock with it. Exchange's stand-in uses it for tokens too
	DeviceInterval  time.Duration    // how often a device code may be asked about, in whole seconds; default 5 s
	DeviceLife      time.Duration    // of a device code; default 15 min
}

// Entra is a stand-in for Entra ID: discovery, the token endpoint with every flow that the bridge has, device codes, and on a
// second port, without TLS, the metadata endpoint of managed identities. It listens on loopback only, is safe for
// concurrent use and must be closed.
type Entra struct {
	*authority
	options   EntraOptions
	key       *rsa.PrivateKey // of the tokens
	log       *EntraLog
	faults    atomic.Pointer[EntraFaults]
	directory directory
	codes     deviceCodes
	refresh   refreshTokens
	loops     loopDetector

	main     *door
	metadata *door
}

// EntraFaults are the ways in which the stand-in can misbehave. The zero value is a healthy server. They are set as a whole
// with [Entra.SetFaults] and hold for requests that come in later; of several that answer, the first in this order does.
type EntraFaults struct {
	Down          bool          // nothing listens: connections are refused, standing ones cut
	Slow          time.Duration // how long every answer takes
	Hangs         bool          // no answer at all
	Redirect      string        // every answer is a redirect to this URL
	Status        int           // every answer has this status, such as 500 or 503, and a page for people as its body
	Throttled     bool          // every answer is 429
	RetryAfter    time.Duration // said with Status and Throttled, in whole seconds; 0: not said
	Garbage       bool          // every answer is 200 with something that is no JSON
	Refusal       int           // AADSTS number that answers every request to the token and device code endpoints
	SecretExpired bool          // 7000222 to whoever shows a secret
	LoopDetection int           // 50196 to whoever asks the same more often than this in a minute; 0: off
	// SlowDown: who polls for a device code too often is told slow_down and must wait 5 s longer (RFC 8628). Entra ID is patient, and MSAL
	// for Go does not look at the interval.
	SlowDown      bool
	RefreshOnce   bool          // a refresh token works once; Entra ID's own work again until they expire
	WrongAudience bool          // tokens are Graph's, whatever was asked for
	TokenLife     time.Duration // of access tokens; default 3,599 to 5,399 s at random, 24 h for managed identities
	TokenLength   int           // access tokens are padded to at least this many characters; at most 48 KiB
	Opaque        bool          // access tokens are none that anybody can read, nor Exchange's stand-in accept
}

// NewEntra starts a stand-in with a CA and a key of its own.
func NewEntra(options EntraOptions) (*Entra, error) {
	options.Address = cmp.Or(options.Address, "127.0.0.1:0")
	options.MetadataAddress = cmp.Or(options.MetadataAddress, "127.0.0.1:0")
	options.DeviceInterval = cmp.Or(options.DeviceInterval, 5*time.Second)
	options.DeviceLife = cmp.Or(options.DeviceLife, 15*time.Minute)
	if options.Now == nil {
		options.Now = time.Now
	}
	authority, err := newAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key of the tokens: %w", err)
	}
	e := &Entra{options: options, authority: authority, key: key, log: newEntraLog()}
	e.faults.Store(&EntraFaults{})
	for _, t := range options.Tenants {
		if err := e.AddTenant(t); err != nil {
			return nil, err
		}
	}
	certificate, err := e.issue(GoodCertificate, time.Now())
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	e.main = newDoor(e.options.Address, e.mainRoutes(), secure)
	e.metadata = newDoor(e.options.MetadataAddress, e.metadataRoutes(), nil)
	if err := errors.Join(e.main.open(), e.metadata.open()); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// URL returns the authority without a tenant: https, host and port. It stays the same while the stand-in is down.
func (e *Entra) URL() string { return "https://" + e.main.where() }

// MetadataURL returns where managed identities get their tokens, without a path: /metadata/identity/oauth2/token is that of a virtual
// machine (header `Metadata: true`), /msi/token that of App Service (header [IdentityHeader]).
func (e *Entra) MetadataURL() string { return "http://" + e.metadata.where() }

// Log returns what was asked.
func (e *Entra) Log() *EntraLog { return e.log }

// SetFaults replaces all faults. An error can only come from opening the ports again after [EntraFaults.Down].
func (e *Entra) SetFaults(faults EntraFaults) error {
	e.faults.Store(&faults)
	if faults.Down {
		return errors.Join(e.main.shut(false), e.metadata.shut(false))
	}
	return errors.Join(e.main.open(), e.metadata.open())
}

// Close closes the ports and every connection and returns when their goroutines have ended. A second call does nothing.
func (e *Entra) Close() error {
	return errors.Join(e.main.shut(true), e.metadata.shut(true))
}

// door is a port with an HTTP server behind it that can be closed and opened again at the same address.
type door struct {
	handler http.Handler
	tls     *tls.Config            // nil: without TLS
	address atomic.Pointer[string] // as first opened; handlers read it while shut waits for them

	mu     sync.Mutex
	server *http.Server   // nil while closed
	serves sync.WaitGroup // the accept loop
	conns  sync.WaitGroup // every connection
	final  bool
}

func newDoor(address string, handler http.Handler, secure *tls.Config) *door {
	d := &door{handler: handler, tls: secure}
	d.address.Store(&address)
	return d
}

func (d *door) where() string { return *d.address.Load() }

func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.final {
		return net.ErrClosed
	}
	if d.server != nil {
		return nil
	}
	socket, err := net.Listen("tcp", d.where())
	if err != nil {
		return fmt.Errorf("open the stand-in's port: %w", err)
	}
	address := socket.Addr().String()
	d.address.Store(&address)
	if d.tls != nil {
		socket = tls.NewListener(socket, d.tls)
	}
	server := &http.Server{
		Handler:     d.handler,
		ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10,
		ConnState:      d.count,
		ErrorLog:       discardLog(),
	}
	d.server = server
	d.serves.Go(func() { server.Serve(socket) })
	return nil
}

// count keeps count of connections; net/http tells of a new one in the accept loop, and of its end when its goroutine ends.
func (d *door) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.conns.Add(1)
	case http.StateClosed:
		d.conns.Done()
	}
}

// shut closes the port and cuts its connections, which ends the requests that wait, and returns when all have ended.
func (d *door) shut(final bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.final = d.final || final
	if d.server == nil {
		return nil
	}
	err := d.server.Close()
	d.serves.Wait()
	d.conns.Wait()
	d.server = nil
	return err
}
