package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"drawbridge/internal/sandbox"
)

// canary is a secret that must be found nowhere: letters that nothing else has in this order.
func canary(n int) string { return fmt.Sprintf("Zq%dCanaryOfTheMine%dXv", n, n) }

// traces are the strings by which a secret betrays itself: plain, and in base64 at each of the three ways its bytes can fall.
func traces(secret string) []string {
	all := []string{secret, strings.ToLower(secret), strings.ToUpper(secret)}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		first := (shift*8 + 5) / 6
		last := (shift + len(secret)) * 8 / 6
		all = append(all, encoded[first:last])
	}
	return all
}

// spiller is what can be said to a bridge so that it might write a secret down. secret stands for %[1]s, account for %[2]s.
type spiller struct {
	name     string
	protocol sandbox.Protocol
	startTLS bool // the port; what is said before "<tls>" goes in clear
	lines    []string
}

var spillers = []spiller{
	{"good LOGIN", sandbox.IMAP, false, []string{"<tls>", "a LOGIN %[2]s %[1]s", "b LOGOUT"}},
	{"good USER", sandbox.POP3, false, []string{"<tls>", "USER %[2]s", "PASS %[1]s", "QUIT"}},
	{"good PLAIN", sandbox.IMAP, false, []string{"<tls>", "a AUTHENTICATE PLAIN <plain>", "b LOGOUT"}},
	{"good AUTH LOGIN", sandbox.POP3, false, []string{"<tls>", "AUTH LOGIN", "<account64>", "<secret64>", "QUIT"}},
	{"good token", sandbox.IMAP, false, []string{"<tls>", "a AUTHENTICATE XOAUTH2 <token>", "b LOGOUT"}},
	{"good token over POP3", sandbox.POP3, false, []string{"<tls>", "AUTH XOAUTH2", "<token>", "QUIT"}},
	{"password as an ID", sandbox.IMAP, false, []string{"<tls>", `a ID ("name" "fax")`, "b LOGIN %[2]s %[1]s", "c LOGOUT"}},
	{"refused LOGIN", sandbox.IMAP, false, []string{"<tls>", "a LOGIN stranger-%[2]s %[1]s", "b LOGOUT"}},
	{"refused PASS", sandbox.POP3, false, []string{"<tls>", "USER stranger-%[2]s", "PASS %[1]s", "QUIT"}},
	{"refused token", sandbox.IMAP, false, []string{"<tls>", "a AUTHENTICATE XOAUTH2 <stranger's token>", "b LOGOUT"}},
	{"plain text on a TLS port", sandbox.IMAP, false, []string{"a LOGIN %[2]s %[1]s"}},
	{"plain text on a TLS port, POP3", sandbox.POP3, false, []string{"PASS %[1]s"}},
	{"LOGIN before STARTTLS", sandbox.IMAP, true, []string{"a LOGIN %[2]s %[1]s", "b AUTHENTICATE PLAIN <plain>", "c LOGOUT"}},
	{"PASS before STLS", sandbox.POP3, true, []string{"USER %[2]s", "PASS %[1]s", "AUTH PLAIN <plain>", "QUIT"}},
	{"injected behind STARTTLS", sandbox.IMAP, true, []string{"a STARTTLS\r\nb LOGIN %[2]s %[1]s"}},
	{"password as a command", sandbox.IMAP, false,
		[]string{"<tls>", "%[1]s", "%[1]s %[1]s", "a %[1]s", "a AUTHENTICATE %[1]s", "a LOGIN %[1]s", "a LOGIN \"%[1]s", "b LOGOUT"}},
	{"password as a command over POP3", sandbox.POP3, false, []string{"<tls>", "%[1]s", "AUTH %[1]s", "USER", "<secret64>", "QUIT"}},
	{"broken base64", sandbox.IMAP, false, []string{"<tls>", "a AUTHENTICATE PLAIN <plain>!", "b AUTHENTICATE PLAIN =<secret64>",
		"c AUTHENTICATE XOAUTH2 <secret64>", "d LOGOUT"}},
	{"another identity", sandbox.POP3, false, []string{"<tls>", "AUTH PLAIN <other>", "QUIT"}},
	{"out of step literal", sandbox.IMAP, false, []string{"<tls>", "a LOGIN %[2]s {5}", "%[1]s", "b LOGOUT"}},
	{"the upstream echoes", sandbox.IMAP, false, []string{"<tls>", "a LOGIN echo-%[2]s %[1]s", "b LOGOUT"}},
	{"the upstream echoes, POP3", sandbox.POP3, false, []string{"<tls>", "USER echo-%[2]s", "PASS %[1]s", "QUIT"}},
	{"the upstream echoes a token", sandbox.IMAP, false, []string{"<tls>", "a AUTHENTICATE XOAUTH2 <echo's token>", "b LOGOUT"}},
}

// TestSecrets_AreWrittenNowhere sends canaries through sessions of every kind, at the most talkative level, and then looks for them in
// all that the bridge has written: logs, standard error, health, data directory.
func TestSecrets_AreWrittenNowhere(t *testing.T) {
	t.Parallel()
	w, c := drainWorld(t, "1s")
	echo := map[sandbox.Protocol]*sandbox.Listener{sandbox.IMAP: w.listen(sandbox.ListenOptions{Name: "echo"}),
		sandbox.POP3: w.listen(sandbox.ListenOptions{Name: "echo", Protocol: sandbox.POP3})}
	imap, pop3 := freeAddress(t), freeAddress(t)
	c.upstreams += w.upstream("echo", echo[sandbox.IMAP].Address(),
		echo[sandbox.POP3].Address()) + "rules:\n  - {match: {account: \"echo-*\"}, upstream: echo}\n"
	text := strings.Replace(c.String(), "certificates:", fmt.Sprintf("  - {name: imap, protocol: imap, tls: starttls, address: %q}\n"+
		"  - {name: pop3, protocol: pop3, tls: starttls, address: %q}\ncertificates:", imap, pop3), 1)
	p := serveProcess(t, w, text+"log: {output: [stderr, bridge.log], level: debug}\n")
	addresses := map[string]string{"imap false": c.imaps, "imap true": imap, "pop3 false": c.pop3s, "pop3 true": pop3}
	for n, s := range spillers {
		account := fmt.Sprintf("device%d@contoso.example", n)
		w.mailbox(sandbox.Account{Address: account, Password: canary(n), Tokens: []sandbox.Token{{Value: canary(n)}}})
		refusal := echoed(account, canary(n))
		must(t, echo[sandbox.IMAP].SetFaults(sandbox.Faults{LoginRefusal: "NO [UNAVAILABLE] " + refusal}))
		must(t, echo[sandbox.POP3].SetFaults(sandbox.Faults{LoginRefusal: "-ERR [SYS/TEMP] " + refusal}))
		s.play(t, addresses[fmt.Sprintf("%s %t", s.protocol, s.startTLS)], account, canary(n))
		until(t, "the record of "+s.name, func() bool { return strings.Count(p.logged(), `"msg":"session"`) == n+1 })
	}
	written := map[string][]byte{"/readyz": body(t, c.admin, "/readyz"), "/healthz": body(t, c.admin, "/healthz")}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitDone {
		t.Errorf("exit %d, want 0", code)
	}
	written["standard error"], written["bridge.log"] = p.stderr.Bytes(), []byte(p.logged())
	files, err := readTree(w.dataDir())
	must(t, err)
	for name, content := range files {
		written["data/"+name] = content
	}
	for name, content := range written {
		for n, s := range spillers {
			for _, trace := range traces(canary(n)) {
				if at := bytes.Index(content, []byte(trace)); at >= 0 {
					t.Errorf("%s: %s holds %q: …%s…", s.name, name, trace, content[max(0, at-200):min(len(content), at+100)])
				}
			}
		}
	}
	if n := len(w.exchange.Log().Logins()); n < 10 {
		t.Errorf("%d logins reached the mail server: the canaries did not fly", n)
	}
	if !bytes.Contains(files[verifiedFile], []byte(`"device0"`)) {
		t.Errorf("%s does not hold the verified account: %q", verifiedFile, files[verifiedFile])
	}
}

// play says the lines one after another, each when an answer came, until the other side is through with it.
func (s spiller) play(t *testing.T, address, account, secret string) {
	t.Helper()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	token := func(account string) string {
		return encode("user=" + account + "\x01auth=Bearer " + secret + "\x01\x01")
	}
	fill := strings.NewReplacer("%[1]s", secret, "%[2]s", account, "<secret64>", encode(secret), "<account64>", encode(account),
		"<plain>", encode("\x00"+account+"\x00"+secret), "<other>", encode("boss\x00"+account+"\x00"+secret), "<token>", token(account),
		"<stranger's token>", token("stranger-"+account), "<echo's token>", token("echo-"+account))
	c := dial(t, address, 0)
	lines := s.lines
	if lines[0] == "<tls>" {
		c.secure(deviceVersions[0].version)
		lines = lines[1:]
	}
	if s.startTLS || len(lines) < len(s.lines) {
		c.line() // the greeting
	}
	for _, line := range lines {
		if _, err := io.WriteString(c.Conn, fill.Replace(line)+"\r\n"); err != nil {
			break // it has ended the session: that is an answer too
		}
		if _, err := c.r.ReadString('\n'); err != nil {
			break
		}
	}
	_ = c.Close()
}

// echoed is what a careless mail server says about a login: all of it, as it came and as it read it.
func echoed(account, secret string) string {
	return strings.Join(append([]string{"cannot serve", account}, secretForms(account, secret)...), " ") + " " +
		strings.Join(secretForms("echo-"+account, secret)[2:], " ")
}

func body(t *testing.T, address, path string) []byte {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + address + path)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	must(t, err)
	return content
}

// TestTraces_FindASecret proves the search itself: a test that looks for nothing finds nothing.
func TestTraces_FindASecret(t *testing.T) {
	for _, before := range []string{"", "1", "12", "\x00device@contoso.example\x00", "user=x\x01auth=Bearer "} {
		encoded := base64.StdEncoding.EncodeToString([]byte(before + canary(1) + "\x01\x01"))
		found := false
		for _, trace := range traces(canary(1)) {
			found = found || strings.Contains(encoded, trace)
		}
		if !found {
			t.Errorf("no trace of the canary is found in %q", encoded)
		}
	}
}
