package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"drawbridge/internal/crowd"
)

// challengeTimeout bounds one validation connection from first to last byte.
const challengeTimeout = 10 * time.Second

// challengeBounds are those of one address. Validators are few; strangers may be many, and take the place of one another.
func challengeBounds() crowd.Bounds { return crowd.Bounds{All: 32, Each: 8} }

// alpnProtocol is the one protocol of RFC 8737, section 6.2.
const alpnProtocol = "acme-tls/1"

// challengeAddress is where a challenge is answered. Port 0: nowhere.
type challengeAddress struct {
	host string
	port int
}

func parseChallengeAddress(s string) (challengeAddress, error) {
	if s == "" {
		return challengeAddress{}, nil
	}
	host, service, err := net.SplitHostPort(s)
	if err != nil {
		return challengeAddress{}, err
	}
	port, err := net.LookupPort("tcp", service)
	if err != nil {
		return challengeAddress{}, err
	}
	if port == 0 {
		return challengeAddress{}, fmt.Errorf("%s: port 0 cannot be reached by the ACME server, name one", s)
	}
	return challengeAddress{host: host, port: port}, nil
}

func (a challengeAddress) off() bool { return a.port == 0 }

func (a challengeAddress) String() string {
	return net.JoinHostPort(a.host, fmt.Sprint(a.port))
}

// challengeServers are the servers that answer challenges while one order is under way. certmagic's solvers find the
// addresses taken and leave the answering to whoever took them; its own servers have no deadlines.
type challengeServers struct {
	servers []*http.Server
	done    sync.WaitGroup
}

// listen opens the addresses asked for, and no others. One that cannot be opened is said and done without while the
// other can.
func (a *acmeIssuer) listen() (*challengeServers, error) {
	s := new(challengeServers)
	var errs []error
	if !a.http.off() {
		errs = append(errs, s.serve(a.http, nil, a.httpServer()))
	}
	if !a.alpn.off() {
		errs = append(errs, s.serve(a.alpn, a.alpnConfig(), a.alpnServer()))
	}
	err := errors.Join(errs...)
	if len(s.servers) == 0 {
		return nil, err
	}
	if err != nil {
		a.log.Warn("an ACME challenge address cannot be opened, going on with the other: free it, or set it to \"\"", zap.Error(err))
	}
	return s, nil
}

func (s *challengeServers) serve(at challengeAddress, config *tls.Config, server *http.Server) error {
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		return fmt.Errorf("answer ACME challenges: %w", err)
	}
	ln = crowd.New(ln, challengeBounds())
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	s.servers = append(s.servers, server)
	s.done.Go(func() { _ = server.Serve(ln) }) // ErrServerClosed, by close
	return nil
}

// close lets answers under way finish for a second.
func (s *challengeServers) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	}
	s.done.Wait()
}

// newServer bounds time and size of all that a stranger can send to a challenge address.
func (a *acmeIssuer) newServer() *http.Server {
	quiet, err := zap.NewStdLogAt(a.log, zap.DebugLevel)
	if err != nil {
		quiet = zap.NewStdLog(zap.NewNop())
	}
	return &http.Server{
		ConnContext:    crowd.WithGuest,
		ReadTimeout:    challengeTimeout,
		WriteTimeout:   challengeTimeout,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       quiet,
	}
}

// httpServer answers HTTP-01 (RFC 8555, section 8.3) for names whose validation is under way, and 404 else.
func (a *acmeIssuer) httpServer() *http.Server {
	server := a.newServer()
	solver := a.inner[0].HTTPChallengeHandler(http.NotFoundHandler())
	server.Handler = crowd.Attended(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, active := certmagic.GetACMEChallenge(r.Host); !active {
			http.NotFound(w, r)
			return
		}
		solver.ServeHTTP(w, r)
	}))
	server.SetKeepAlivesEnabled(false)
	return server
}

// alpnServer ends a connection when its handshake is done: the certificate was the answer (RFC 8737, section 3). An
// http.Server is used for its deadlines and orderly end; no request is ever read.
func (a *acmeIssuer) alpnServer() *http.Server {
	server := a.newServer()
	server.Handler = http.NotFoundHandler()
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		alpnProtocol: func(*http.Server, *tls.Conn, http.Handler) {},
	}
	return server
}

// alpnConfig completes handshakes of validators only. Devices never meet it: it lives on an address of its own.
func (a *acmeIssuer) alpnConfig() *tls.Config {
	config := a.config.TLSConfig()
	answer := config.GetCertificate
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		_, active := certmagic.GetACMEChallenge(hello.ServerName)
		if !active || len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != alpnProtocol {
			return nil, errors.New("no ACME validation is under way for this name")
		}
		return answer(hello)
	}
	return config
}
