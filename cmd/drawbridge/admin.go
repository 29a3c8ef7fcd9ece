package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/control"
	"drawbridge/internal/protocol"
	"drawbridge/internal/secret"
	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

// openAdmin opens the address for people and monitors.
func (b *bridge) openAdmin(cfg *config.Config) (err error) {
	if cfg.Admin.Address == "" {
		return nil
	}
	network, address := cfg.Admin.Socket()
	listen := net.Listen
	if network == "unix" {
		listen = func(_, path string) (net.Listener, error) { return control.ListenOwner(path) }
	}
	if b.admin, err = listen(network, address); err != nil {
		return fmt.Errorf("open admin.address: %w: stop what has it, or name another address, or \"\" for none", err)
	}
	return nil
}

// adminTLS is the TLS of the admin address; nil where it speaks plain HTTP.
func (b *bridge) adminTLS() *tls.Config {
	if b.holds().admin.certs == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return b.holds().admin.certs.GetCertificate(h) }}
}

// adminCertificate is what the admin address proves itself with: that of a file, or one of the bridge's own CA for all names
// by which it may be called.
func (b *bridge) adminCertificate(cfg config.Admin) (*certs.Source, error) {
	entry := certificateEntry(context.Background(), *cfg.Certificate)
	if entry.LocalCA != nil {
		entry.LocalCA.Names = append(entry.LocalCA.Names, cfg.Names...)
		network, address := cfg.Socket()
		if host, _, err := net.SplitHostPort(address); err == nil && network == "tcp" && host != "" {
			if ip, _ := netip.ParseAddr(host); !ip.IsUnspecified() {
				entry.LocalCA.Names = append(entry.LocalCA.Names, host)
			}
		}
		entry.LocalCA.Names = unique(entry.LocalCA.Names)
	}
	return certs.New(certs.Options{Dir: b.data.file(certificates), Entries: []certs.Entry{entry}, Logger: b.logs.Events})
}

// unique returns names without those that are there already in another case.
func unique(names []string) (list []string) {
	for _, n := range names {
		if !slices.ContainsFunc(list, func(known string) bool { return strings.EqualFold(known, n) }) {
			list = append(list, n)
		}
	}
	return list
}

// browserKey signs the cookies of browsers that were logged in to the dashboard: as long as its password is the same one, so that
// they are known again after a restart.
func browserKey(password secret.Secret) []byte {
	if password.Reveal() == "" {
		return nil
	}
	key := sha256.Sum256([]byte("drawbridge browser\x00" + password.Reveal()))
	return key[:]
}

// dashboard is what the admin address answers in a generation.
func (b *bridge) dashboard(g *generation) http.Handler {
	reader := b.ruled(g)
	return web.New(web.Options{
		Reader: reader, Editor: b.ledger, VerifyPassword: g.admin.verify, BrowserKey: browserKey(g.cfg.Admin.Password),
		Names: g.cfg.Admin.Names, Secure: g.admin.certs != nil,
		Live: b.watch.Sessions, Upstreams: b.upstreamInfo, Certificates: b.certificateInfo, CA: b.authority, Readiness: b.readiness,
		Export: b.exportOf(reader), Migration: b.migrationOf(g), Bridge: g.cfg.Name, Version: version, Zone: g.cfg.Timezone, Log: b.logs.Events,
		StageNote: "Warn is said at the next login, Block refuses from the next login on. Brownout refuses in the hours of the first rule " +
			"that has a schedule; without one the device is served.",
	})
}

// ruled is the inventory with what the rules of a generation make of each device.
func (b *bridge) ruled(g *generation) inventory.Reader {
	if len(g.cfg.Rules) == 0 {
		return b.ledger
	}
	return ruledReader{b.ledger, g.rules}
}

// exportOf writes an inventory for a download, as it is read.
func (b *bridge) exportOf(reader inventory.Reader) func(context.Context, io.Writer, string, inventory.Query) error {
	return func(ctx context.Context, w io.Writer, format string, q inventory.Query) (err error) {
		q.Limit, q.Offset = 0, 0
		all := found{devices: eachOf(ctx, reader, q, &err)}
		if format == "html" {
			if all.days, all.totals, err = readFigures(ctx, reader); err != nil {
				return err
			}
		}
		if failed := (printing{cfg: b.cfg()}).print(w, format, all); failed != nil {
			return failed
		}
		return err
	}
}

// eachOf are the devices that q is about, as they are read. What went wrong stands in err when they have ended.
func eachOf(ctx context.Context, r inventory.Reader, q inventory.Query, err *error) iter.Seq[inventory.Device] {
	enough := errors.New("enough")
	return func(yield func(inventory.Device) bool) {
		_, failed := r.EachDevice(ctx, q, func(d *inventory.Device) error {
			if !yield(*d) {
				return enough
			}
			return nil
		})
		if !errors.Is(failed, enough) {
			*err = failed
		}
	}
}

// upstreamInfo tells of the upstreams.
func (b *bridge) upstreamInfo() []watch.Upstream {
	var all []watch.Upstream
	for _, u := range b.cfg().Upstreams {
		info := b.watch.Upstream(u.Name, time.Now())
		info.Auth = u.Auth
		if u.OAuth2 != nil {
			info.Auth = "OAuth2, " + strings.ReplaceAll(string(u.OAuth2.Flow), "_", " ")
		}
		for _, name := range protocol.Names() {
			if at := u.Address(name); at != "" {
				info.Addresses = append(info.Addresses, name+" "+at)
			}
		}
		all = append(all, info)
	}
	return all
}

// certificateInfo tells of the listeners' certificates.
func (b *bridge) certificateInfo() []web.CertificateInfo {
	var all []web.CertificateInfo
	for i, c := range b.holds().certs.List() {
		all = append(all, web.CertificateInfo{Name: fmt.Sprintf("certificates[%d]", i), Kind: c.Kind, Names: c.Names, Issuer: c.Issuer,
			NotAfter: c.NotAfter, Fingerprint: c.Fingerprint, LastError: c.LastError})
	}
	return all
}

// issues reports whether the local CA has a part in a configuration.
func issues(cfg *config.Config) bool {
	all := slices.Clone(cfg.Certificates)
	if c := cfg.Admin.Certificate; c != nil {
		all = append(all, *c)
	}
	local := func(c config.Certificate) bool { return c.File == nil } // ACME has it until it has issued
	return slices.ContainsFunc(all, local)
}

// authority is the local CA in the forms that devices import; empty where there is none, or where the configuration has it issue
// nothing: to look at a page must not make one.
func (b *bridge) authority() web.CA {
	if !issues(b.cfg()) {
		return web.CA{}
	}
	ca, err := certs.OpenCA(b.data.file(certificates))
	if err != nil {
		return web.CA{}
	}
	out := web.CA{Name: ca.Certificate().Subject.CommonName, Fingerprint: ca.Fingerprint(), NotAfter: ca.Certificate().NotAfter}
	for format, into := range map[string]*[]byte{"pem": &out.PEM, "der": &out.DER, "pkcs7": &out.PKCS7} {
		if data, err := ca.Export(format); err == nil {
			*into = data
		}
	}
	return out
}
