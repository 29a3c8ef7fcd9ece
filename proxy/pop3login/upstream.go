package pop3login

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy"
)

const (
	// maxInitial is how long a line with an initial response may be, its ending included (RFC 5034, section 4).
	maxInitial = 255
	// maxCapabilities bounds the lines of an upstream's CAPA.
	maxCapabilities = 64
	// maxChallenges bounds a SASL exchange with an upstream.
	maxChallenges = 8
)

// Authenticate logs in upstream with the first of mechs that it announces, or by USER and PASS.
func (l *login) Authenticate(ctx context.Context, upstream *proxy.Conn, mechs []sasl.Client) error {
	l.upstream, l.token = upstream, false
	l.notes.UpstreamSays, l.notes.FrontEnd = "", "" // of an earlier login
	if err := l.readGreeting(); err != nil {
		return err
	}
	if err := l.startTLS(ctx); err != nil {
		return err
	}
	remembered := upstream.Announced().Load()
	capabilities, err := l.capabilities(remembered)
	if err != nil {
		return err
	}
	how, err := choose(capabilities, mechs)
	if err != nil {
		return err
	}
	err = l.logIn(how)
	if err == nil || remembered == nil {
		return err
	}
	return l.logInAnew(how, mechs, err)
}

// logInAnew looks whether a login was refused only because the upstream no longer announces what it did when it was
// last asked, and then logs in as it wants now.
func (l *login) logInAnew(tried method, mechs []sasl.Client, refused error) error {
	var r *proxy.Refusal
	if !errors.As(refused, &r) || r.Reason != proxy.BadCredentials {
		l.upstream.Announced().Store(nil)
		return refused
	}
	l.upstream.Announced().Store(nil)
	capabilities, err := l.capabilities(nil)
	if err != nil || l.upstream.Announced().Load() == nil { // it tells nothing: that is no reason to show it a password twice
		return refused
	}
	how, err := choose(capabilities, mechs)
	if err != nil || how.name == tried.name {
		return refused
	}
	return l.logIn(how)
}

func (l *login) readGreeting() error {
	line, err := l.reply()
	if err != nil {
		return proxy.RefuseSilent("greet", err)
	}
	if !isOK(line) {
		l.notes.UpstreamSays = line
		return unavailable("the upstream greets with a refusal, see upstream_says: it is overloaded, or it does not serve this address")
	}
	l.notes.FrontEnd = proxy.FrontEnd(line)
	return nil
}

// startTLS starts TLS where it is not on yet (RFC 2595, section 4). What the upstream said before counts for nothing.
func (l *login) startTLS(ctx context.Context) error {
	if l.upstream.Secure() {
		return nil
	}
	line, err := l.ask("STLS")
	if err != nil {
		return proxy.RefuseSilent("answer STLS", err)
	}
	if !isOK(line) {
		l.notes.UpstreamSays = line
		return unavailable("the upstream does not start TLS (STLS): a password is never sent without it; set tls: implicit, or switch TLS on there")
	}
	if err := l.upstream.StartTLS(ctx, ""); err != nil {
		return unavailable("on the upstream's side %w", err)
	}
	l.notes.FrontEnd = ""
	return nil
}

// capabilities asks for the upstream's capabilities (RFC 2449, section 5) unless they are known. An upstream that does
// not know CAPA has USER and PASS.
func (l *login) capabilities(known []string) ([]string, error) {
	if known != nil {
		return known, nil
	}
	line, err := l.ask("CAPA")
	if err != nil {
		return nil, proxy.RefuseSilent("answer CAPA", err)
	}
	if !isOK(line) {
		return []string{"USER"}, nil
	}
	list := []string{}
	for {
		line, err := l.reply()
		switch {
		case err != nil:
			return nil, proxy.RefuseSilent("finish its answer to CAPA", err)
		case line == ".":
			l.upstream.Announced().Store(list)
			return list, nil
		case len(list) == maxCapabilities:
			return nil, unavailable("the upstream lists more than %d capabilities", maxCapabilities)
		}
		list = append(list, strings.ToUpper(line))
	}
}

// method is how to log in: by a SASL mechanism, or, where password is set, by USER and PASS.
type method struct {
	name     string
	client   sasl.Client
	initial  []byte
	password *proxy.PasswordLogin
}

// choose returns the first of mechs that is announced, or USER and PASS for a password where no PLAIN is.
func choose(capabilities []string, mechs []sasl.Client) (method, error) {
	announced := mechanisms(capabilities)
	var wanted []string
	for _, m := range mechs {
		name, initial, err := m.Start()
		if err != nil {
			return method{}, fmt.Errorf("start SASL %s: %w", name, err)
		}
		if slices.Contains(announced, name) {
			return method{name: name, client: m, initial: initial}, nil
		}
		wanted = append(wanted, name)
	}
	for _, m := range mechs {
		if p, ok := m.(*proxy.PasswordLogin); ok {
			return method{name: proxy.MechanismUser, password: p}, nil
		}
	}
	return method{}, unavailable("the upstream does not offer %s over POP3 (it offers: %s): switch it on there, or give these devices another upstream", strings.Join(wanted, " or "), strings.Join(announced, " "))
}

// mechanisms are the words of the SASL capability (RFC 5034, section 3).
func mechanisms(capabilities []string) []string {
	for _, c := range capabilities {
		if words := strings.Fields(c); len(words) > 0 && words[0] == "SASL" {
			return words[1:]
		}
	}
	return nil
}

func (l *login) logIn(how method) error {
	l.notes.UpstreamAuth = how.name
	if how.password != nil {
		return l.userPass(how.password)
	}
	_, password := how.client.(*proxy.PasswordLogin)
	l.token = !password
	return l.sasl(how)
}

func (l *login) userPass(p *proxy.PasswordLogin) error {
	line, err := l.ask("USER " + p.Name)
	if err != nil {
		return proxy.RefuseSilent("answer USER", err)
	}
	if !isOK(line) {
		return l.refused(line)
	}
	line, err = l.ask("PASS " + p.Password.Reveal())
	if err != nil {
		return proxy.RefuseSilent("answer PASS", err)
	}
	return l.refused(line)
}

// sasl runs AUTH (RFC 5034, section 4). XOAUTH2 goes in two lines always: Exchange Online answers one with a protocol
// error. A server that knows no initial response asks for it with an empty challenge.
func (l *login) sasl(how method) error {
	encoded := base64.StdEncoding.EncodeToString(how.initial)
	command := "AUTH " + how.name + " " + encoded
	if how.name == proxy.MechanismXOAUTH2 || len(command)+2 > maxInitial {
		command = "AUTH " + how.name
	}
	line, err := l.ask(command)
	for i := range maxChallenges {
		if err != nil {
			return proxy.RefuseSilent("answer AUTH "+how.name, err)
		}
		challenge, more := strings.CutPrefix(line, "+")
		if !more || isOK(line) {
			return l.refused(line)
		}
		if i == 0 && strings.TrimSpace(challenge) == "" {
			line, err = l.ask(encoded)
		} else {
			line, err = l.ask(proxy.AnswerChallenge(how.client, challenge))
		}
	}
	return unavailable("the upstream does not come to an end in AUTH %s", how.name)
}

// Prove makes sure that the mailbox is open: Exchange can accept a token and then refuse every command.
func (l *login) Prove(context.Context) error {
	if !l.token {
		return nil
	}
	line, err := l.ask("STAT")
	if err != nil {
		return proxy.RefuseSilent("open the mailbox (STAT) after it took the token", err)
	}
	if !isOK(line) {
		l.notes.UpstreamSays = line
		return unavailable("the upstream took the token and then did not open the mailbox, see upstream_says: check the permission on the mailbox")
	}
	return nil
}

// ask sends a command and returns the first line of its answer.
func (l *login) ask(command string) (string, error) {
	if err := l.upstream.WriteString(command + "\r\n"); err != nil {
		return "", err
	}
	return l.reply()
}

func (l *login) reply() (string, error) {
	line, err := l.upstream.ReadLine(proxy.MaxReply)
	return string(bytes.TrimRight(line, " ")), err
}

func isOK(line string) bool {
	return len(line) >= 3 && strings.EqualFold(line[:3], "+OK")
}

func unavailable(format string, args ...any) *proxy.Refusal {
	return proxy.Refuse(proxy.Unavailable, format, args...)
}
