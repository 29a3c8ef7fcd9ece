package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/internal/oauth"
	"drawbridge/internal/protocol"
	"drawbridge/internal/upstreams"
	"drawbridge/proxy"
	"drawbridge/proxy/login"
)

// link is what one protocol of an upstream looks like, up to where a login would begin.
type link struct {
	upstream *upstreams.Upstream
	protocol string
	checks   []Check
	usable   bool     // a login can be tried
	announce []string // capabilities
}

func (l *link) add(c Check) {
	c.Upstream, c.Protocol = l.upstream.Name, l.protocol
	l.checks = append(l.checks, c)
}

// examine walks the link step by step and ends at the first one that fails.
func (l *link) examine(ctx context.Context) {
	addrs, err := l.upstream.Service.Lookup(ctx, l.protocol)
	if err != nil {
		l.add(bad(stepDNS, l.upstream.Address(l.protocol), err.Error()))
		return
	}
	names := make([]string, len(addrs))
	for i, a := range addrs {
		names[i] = a.String()
	}
	l.add(good(stepDNS, strings.Join(names, ", ")))
	l.meet(ctx, l.add, l.examineCapabilities)
}

// meet connects up to the greeting, tells each step, and lets speak have the session that comes of it, if one does.
func (l *link) meet(ctx context.Context, tell func(Check), speak func(*mailClient)) {
	var d proxy.Dialled
	start := time.Now()
	conn, err := l.upstream.Service.Dial(ctx, l.protocol, &d)
	if d.Address.IsValid() {
		tell(good(stepTCP, d.Address.String()))
	}
	if err != nil {
		c := dialCheck(err)
		if c.Step == stepTCP {
			c.Detail = l.upstream.Address(l.protocol)
		}
		tell(c)
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	client := &mailClient{}
	client.UpstreamHalf = halves[l.protocol](conn, &client.notes)
	err = client.greet(ctx, conn)
	if conn.Secure() {
		tell(good(stepTLS, fmt.Sprintf("TLS %s, %s", d.TLS.Version, d.TLS.Cipher)))
		if leaf := conn.PeerCertificate(); leaf != nil {
			tell(good(stepCertificate, describeCertificate(leaf)))
		}
	}
	if err != nil {
		tell(greetingCheck(err))
		return
	}
	tell(good(stepGreeting, describeGreeting(client.notes.Greeting, time.Since(start))))
	defer client.LogOut()
	speak(client)
}

// dialCheck is the step at which a dial failed.
func dialCheck(err error) Check {
	c := bad(stepTCP, "", err.Error())
	var failed *proxy.DialError
	if !errors.As(err, &failed) {
		return c
	}
	c.Step = failed.Step
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		c.Detail = describeCertificate(unverified.UnverifiedCertificates[0])
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		c.Cause += "; a middlebox that inspects TLS shows a certificate of its own: exempt this address from inspection"
	}
	return c
}

// greetingCheck tells a greeting, or a start of TLS, that failed.
func greetingCheck(err error) Check {
	var failed *proxy.DialError
	var said *saidError
	switch {
	case errors.As(err, &failed):
		return dialCheck(err)
	case errors.As(err, &said):
		return bad(stepGreeting, said.line, "this is not how a mail server for this protocol greets: check address and port; "+
			"an overloaded one may greet with a refusal, then wait and try again")
	}
	return bad(stepGreeting, "", err.Error())
}

func describeGreeting(line string, took time.Duration) string {
	if name := login.FrontEnd(line); name != "" {
		line = "front end " + name
	}
	return fmt.Sprintf("%s, after %s", line, took.Round(time.Millisecond))
}

func describeCertificate(leaf *x509.Certificate) string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	const most = 4
	if len(names) > most {
		names = append(names[:most], "...")
	}
	return fmt.Sprintf("for %s; issuer %s; until %s", strings.Join(names, ", "), leaf.Issuer, leaf.NotAfter.UTC().Format(time.DateOnly))
}

// examineCapabilities looks whether the upstream takes what the bridge will log in with.
func (l *link) examineCapabilities(client *mailClient) {
	list, err := client.Announce()
	if l.protocol == protocol.IMAP { // a set; POP3's lines are printed as they come
		list = slices.Sorted(slices.Values(list))
	}
	if err = client.said(err); err != nil {
		l.add(bad(stepCapabilities, "", err.Error()+"; check that the address is one of a mail server for "+l.protocol))
		return
	}
	l.announce = list
	c := good(stepCapabilities, strings.Join(list, " "))
	switch {
	case l.upstream.Tokens != nil && !takesTokens(list):
		c.fail(fmt.Sprintf("the upstream takes no tokens here (no XOAUTH2): check the address of upstreams.%s.%s, or write auth: passthrough",
			l.upstream.Name, l.protocol))
	case l.upstream.Tokens == nil && !takesPasswords(list):
		c.fail(fmt.Sprintf("the upstream takes no passwords, as Exchange Online does not, and upstreams.%s.auth is passthrough: "+
			"configure auth: {oauth2: ...}", l.upstream.Name))
	}
	l.usable = c.Finding == OK
	l.add(c)
}

// mechanisms are the mechanisms in a list of capabilities: "AUTH=X" of IMAP, or the words of POP3's SASL.
func mechanisms(capabilities []string) []string {
	var found []string
	for _, c := range capabilities {
		name, isAuth := strings.CutPrefix(strings.ToUpper(c), "AUTH=")
		words := strings.Fields(strings.ToUpper(c))
		switch {
		case isAuth:
			found = append(found, name)
		case len(words) > 1 && words[0] == "SASL":
			found = append(found, words[1:]...)
		}
	}
	return found
}

func takesTokens(capabilities []string) bool {
	all := mechanisms(capabilities)
	return slices.Contains(all, oauth.XOAUTH2) || slices.Contains(all, sasl.OAuthBearer)
}

// takesPasswords reports whether a password has a way in: PLAIN, IMAP's LOGIN, or POP3's USER, which a list without words
// about logins leaves open.
func takesPasswords(capabilities []string) bool {
	has := func(word string) bool {
		return slices.ContainsFunc(capabilities, func(c string) bool { return strings.EqualFold(c, word) })
	}
	if slices.Contains(mechanisms(capabilities), "PLAIN") || has("USER") {
		return true
	}
	if slices.ContainsFunc(capabilities, func(c string) bool { return hasPrefixFold(c, "IMAP4") }) {
		return !has("LOGINDISABLED")
	}
	return len(capabilities) == 0
}
