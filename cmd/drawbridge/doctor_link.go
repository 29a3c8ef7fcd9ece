package main

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
	"drawbridge/internal/upstreams"
	"drawbridge/proxy"
)

// mailClient is a session of the doctor's with an upstream, after its greeting and inside TLS.
type mailClient interface {
	// capabilities asks for the list that is announced before login.
	capabilities() ([]string, error)
	// login returns a *saidError where the upstream refuses.
	login(client sasl.Client) error
	// prove opens the mailbox and returns how many messages it has.
	prove() (int, error)
	// close logs out, where there is still somebody to log out from.
	close()
}

// saidError is what an upstream said instead of yes.
type saidError struct{ line string }

func (e *saidError) Error() string { return "the upstream says: " + e.line }

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

// link is what one protocol of an upstream looks like, up to where a login would begin.
type link struct {
	upstream *upstreams.Upstream
	protocol string
	checks   []check
	usable   bool     // a login can be tried
	announce []string // capabilities
}

func (l *link) add(c check) {
	c.Upstream, c.Protocol = l.upstream.Name, l.protocol
	l.checks = append(l.checks, c)
}

func (l *link) ok(step, format string, args ...any) {
	l.add(check{Step: step, Finding: findOK, Detail: fmt.Sprintf(format, args...)})
}

// examine walks the link step by step and ends at the first one that fails.
func (l *link) examine(ctx context.Context) {
	addrs, err := l.upstream.Service.Lookup(ctx, l.protocol)
	if err != nil {
		l.add(check{Step: stepDNS, Finding: findFail, Detail: map[string]string{"imap": l.upstream.IMAP, "pop3": l.upstream.POP3}[l.protocol], Cause: err.Error()})
		return
	}
	var names []string
	for _, a := range addrs {
		names = append(names, a.String())
	}
	l.ok(stepDNS, "%s", strings.Join(names, ", "))
	client, err := l.open(ctx, l.add)
	if err != nil {
		return
	}
	defer client.close()
	l.examineCapabilities(client)
}

// open connects up to the greeting and tells each step.
func (l *link) open(ctx context.Context, tell func(check)) (mailClient, error) {
	var d proxy.Dialled
	start := time.Now()
	conn, err := l.upstream.Service.Dial(ctx, l.protocol, &d)
	if d.Address.IsValid() {
		tell(check{Step: stepTCP, Finding: findOK, Detail: d.Address.String()})
	}
	if err != nil {
		c := dialCheck(err)
		if c.Step == stepTCP {
			c.Detail = map[string]string{"imap": l.upstream.IMAP, "pop3": l.upstream.POP3}[l.protocol]
		}
		tell(c)
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	greeting, err := greet(ctx, conn, l.protocol)
	if conn.Secure() {
		tellTLS(conn, d, tell)
	}
	if err != nil {
		stop()
		_ = conn.Close()
		tell(greetingCheck(err))
		return nil, err
	}
	tell(check{Step: stepGreeting, Finding: findOK, Detail: describeGreeting(greeting, time.Since(start))})
	if l.protocol == "imap" {
		return newIMAPDoctor(conn, greeting, stop), nil
	}
	return &popDoctor{conn: conn, stop: stop}, nil
}

func tellTLS(conn *proxy.Conn, d proxy.Dialled, tell func(check)) {
	tell(check{Step: stepTLS, Finding: findOK, Detail: fmt.Sprintf("TLS %s, %s", d.TLS.Version, d.TLS.Cipher)})
	if leaf := conn.PeerCertificate(); leaf != nil {
		tell(check{Step: stepCertificate, Finding: findOK, Detail: describeCertificate(leaf)})
	}
}

// dialCheck is the step at which a dial failed.
func dialCheck(err error) check {
	c := check{Step: stepTCP, Finding: findFail, Cause: err.Error()}
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
func greetingCheck(err error) check {
	var failed *proxy.DialError
	if errors.As(err, &failed) {
		return dialCheck(err)
	}
	c := check{Step: stepGreeting, Finding: findFail, Cause: proxy.RefuseSilent("greet", err).Err.Error()}
	var said *saidError
	if errors.As(err, &said) {
		c.Detail = said.line
		c.Cause = "this is not how a mail server for this protocol greets: check address and port; an overloaded one may greet with a refusal, then wait and try again"
	}
	return c
}

func describeGreeting(line string, took time.Duration) string {
	took = took.Round(time.Millisecond)
	if name := proxy.FrontEnd(line); name != "" {
		return fmt.Sprintf("front end %s, after %s", name, took)
	}
	return fmt.Sprintf("%s, after %s", line, took)
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
func (l *link) examineCapabilities(client mailClient) {
	list, err := client.capabilities()
	if err != nil {
		l.add(check{Step: stepCapabilities, Finding: findFail, Cause: err.Error() + "; check that the address is one of a mail server for " + l.protocol})
		return
	}
	l.announce = list
	c := check{Step: stepCapabilities, Finding: findOK, Detail: strings.Join(list, " ")}
	switch {
	case l.upstream.Tokens != nil && !takesTokens(list):
		c.Finding = findFail
		c.Cause = fmt.Sprintf("the upstream takes no tokens here (no XOAUTH2): check the address of upstreams.%s.%s, or write auth: passthrough", l.upstream.Name, l.protocol)
	case l.upstream.Tokens == nil && !takesPasswords(list):
		c.Finding = findFail
		c.Cause = fmt.Sprintf("the upstream takes no passwords, as Exchange Online does not, and upstreams.%s.auth is passthrough: configure auth: {oauth2: ...}", l.upstream.Name)
	}
	l.usable = c.Finding == findOK
	l.add(c)
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
	all := mechanisms(capabilities)
	if slices.Contains(all, "PLAIN") || has("USER") {
		return true
	}
	if slices.ContainsFunc(capabilities, func(c string) bool { return strings.HasPrefix(strings.ToUpper(c), "IMAP4") }) {
		return !has("LOGINDISABLED")
	}
	return len(capabilities) == 0
}

// greet reads the greeting and starts TLS where it is not on yet.
func greet(ctx context.Context, conn *proxy.Conn, protocol string) (string, error) {
	line, err := readReply(conn)
	if err != nil {
		return "", err
	}
	good, command, yes := "* OK", "D0 STARTTLS", "D0 OK"
	if protocol == "pop3" {
		good, command, yes = "+OK", "STLS", "+OK"
	}
	if !hasPrefixFold(line, good) {
		return "", &saidError{line}
	}
	if conn.Secure() {
		return line, nil
	}
	if err := conn.WriteString(command + "\r\n"); err != nil {
		return "", fmt.Errorf("start TLS: %w", err)
	}
	answer, err := awaitReply(conn, protocol)
	if err != nil {
		return "", err
	}
	if !hasPrefixFold(answer, yes) {
		return "", &proxy.DialError{Step: stepTLS, Err: &saidError{answer},
			Sentence: "the upstream does not start TLS (" + answer + "), and nothing is sent without it: set tls: implicit, or switch TLS on there"}
	}
	if err := conn.StartTLS(ctx, ""); err != nil {
		return "", err
	}
	return line, nil
}

// awaitReply reads the answer to STARTTLS or STLS, past a few untagged lines.
func awaitReply(conn *proxy.Conn, protocol string) (line string, err error) {
	const most = 16
	for range most {
		line, err = readReply(conn)
		if err != nil || protocol == "pop3" || !strings.HasPrefix(line, "* ") {
			return line, err
		}
	}
	return line, nil
}

func readReply(conn *proxy.Conn) (string, error) {
	line, err := conn.ReadLine(proxy.MaxReply)
	return string(line), err
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
