package proxy_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy"
	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

// TestTranscripts plays the dialogs in the login packages' testdata, a museum of real hardware: an oddity of a device is a
// file there. Between the device and the upstream, which are the test, stands a whole bridge.
//
// The header of a transcript says what it is, and may have settings: "tls: starttls" begins before TLS, "upstream: starttls"
// does so on that side, "tokens: no" takes no tokens of programs' own, "remembered:" is what the upstream announced to an earlier session, "notice:" what the device is told
// at its login. Then lines: "D:" the device says, "B:" the bridge says to the device, "C:" the bridge says to the upstream,
// "U:" the upstream says; "D!" and "U!" say without a line ending of their own, "D." and "U." close. "=" is what came of it:
// credentials, "refused" and why the bridge tells the device no, "error" and why it hears no more of it, "admitted", and at
// last "ended" with outcome, phase, by whom, and reason of the session record, in full. "N:" is a note as of the last "=", in
// the record once the session has ended. Each login that the bridge takes opens a new upstream. After "= ended" the device
// connects anew.
func TestTranscripts(t *testing.T) {
	for _, kind := range []exhibits{
		{"imap", imaplogin.Dialect(), 5},
		{"pop3", pop3login.Dialect(), 4},
	} {
		files, err := filepath.Glob(kind.protocol + "login/testdata/*.txt")
		if err != nil || len(files) == 0 {
			t.Fatalf("no transcripts of %s: %v", kind.protocol, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			t.Run(kind.protocol+"/"+name, func(t *testing.T) {
				t.Parallel()
				playFile(t, file, kind)
			})
		}
	}
}

// exhibits are the transcripts of one protocol.
type exhibits struct {
	protocol    string
	dialect     login.Dialect
	badCommands int
}

func playFile(t *testing.T, file string, kind exhibits) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, script, found := strings.Cut(string(text), "\n\n")
	if !found {
		t.Fatalf("%s has no header", file)
	}
	p := newPlayer(t, settingsOf(header), kind)
	number := strings.Count(header, "\n") + 2
	defer func() {
		if t.Failed() {
			t.Logf("at %s:%d", file, number)
		}
	}()
	for line := range strings.Lines(script) {
		number++
		p.play(strings.TrimSuffix(line, "\n"))
	}
	if p.device != nil {
		t.Fatal("the transcript does not say how the session ended")
	}
}

func settingsOf(header string) map[string]string {
	settings := map[string]string{}
	for _, line := range strings.Split(header, "\n")[1:] {
		if key, value, found := strings.Cut(line, ": "); found {
			settings[key] = value
		}
	}
	return settings
}

// player is the device, and the upstream, of one transcript.
type player struct {
	*world
	settings map[string]string
	device   *device // nil between two sessions
	closed   bool    // the device has closed

	mail       *net.TCPListener
	upstream   *device // nil until the bridge's dial is accepted
	asksForTLS bool    // the bridge said so last, to the upstream

	results chan result
	last    result

	remember sync.Once
	mu       sync.Mutex
	notes    *login.Notes         // of the session under way
	heard    *login.UpstreamNotes // likewise
}

// result is what came of a step, and the notes at that time.
type result struct{ text, notes string }

func newPlayer(t *testing.T, settings map[string]string, kind exhibits) *player {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p := &player{settings: settings, mail: ln.(*net.TCPListener), results: make(chan result, 16)}
	p.world = newWorld(t, func(w *world) {
		w.server.Recorder = p
		w.listener.Protocol, w.listener.Dialect = kind.protocol, p.spiedOn(kind.dialect)
		w.listener.Greeting, w.listener.BadCommands = "Drawbridge is ready.", kind.badCommands
		w.listener.StartTLS = settings["tls"] == "starttls"
		w.listener.NoDeviceTokens = settings["tokens"] == "no"
		w.decider.notice, w.decider.hears = settings["notice"], p.credentials
		w.decider.upstream = proxy.NewUpstream(proxy.UpstreamOptions{
			Name: "mail", Addresses: map[string]string{kind.protocol: ln.Addr().String()}, ServerName: "mail.test",
			Roots: w.upstream.roots, StartTLS: settings["upstream"] == "starttls", DialTimeout: patience, LoginTimeout: patience,
		})
	})
	return p
}

// spiedOn is d, with the player told of what passes between the session and the two halves.
func (p *player) spiedOn(d login.Dialect) login.Dialect {
	return login.Dialect{
		NewLogin: func(device *login.Conn, g login.Greeting, n *login.Notes) login.Login {
			p.spyOn(n, &login.UpstreamNotes{})
			l := d.NewLogin(device, g, n)
			return &spiedLogin{Login: l, Observer: l.(login.Observer), player: p}
		},
		NewUpstreamHalf: func(upstream *login.Conn, n *login.UpstreamNotes) login.UpstreamHalf {
			p.spyOn(nil, n)
			p.remember.Do(func() {
				if list := p.settings["remembered"]; list != "" {
					upstream.Announced().Store(strings.Fields(list))
				}
			})
			return d.NewUpstreamHalf(upstream, n)
		},
	}
}

func (p *player) spyOn(n *login.Notes, h *login.UpstreamNotes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes, p.heard = cmp.Or(n, p.notes), h
}

type spiedLogin struct {
	login.Login
	login.Observer
	player *player
}

func (s *spiedLogin) Read(ctx context.Context) (login.Credentials, error) {
	c, err := s.Login.Read(ctx)
	var r *login.Refusal
	if err != nil && !errors.As(err, &r) && !login.IsClosed(err) {
		s.player.report("error " + err.Error())
	}
	return c, err
}

func (s *spiedLogin) Refuse(r *login.Refusal) error {
	if r.Err != nil { // a last word has none
		s.player.report("refused " + r.Error())
	}
	return s.Login.Refuse(r)
}

// credentials is told what Decide is asked about.
func (p *player) credentials(c login.Credentials) {
	p.report(fmt.Sprintf("%s %q %q", c.Mechanism, c.Account, c.Password.Reveal()))
}

// report runs on the session's goroutine.
func (p *player) report(text string) {
	p.mu.Lock()
	n, h := p.notes, p.heard
	p.mu.Unlock()
	p.results <- result{text, notesOf(n.Quirks, n.ClaimedAccount, n.ClientID, h.FrontEnd, h.Auth, h.Says)}
}

func notesOf(quirks []string, claimed string, clientID map[string]string, frontEnd, auth, says string) string {
	return fmt.Sprintf("Quirks:%v ClaimedAccount:%s ClientID:%v FrontEnd:%s UpstreamAuth:%s UpstreamSays:%s ",
		quirks, claimed, clientID, frontEnd, auth, says)
}

// Admitted implements inventory.Recorder.
func (p *player) Admitted(*inventory.Session) { p.report("admitted") }

// Ended implements inventory.Recorder.
func (p *player) Ended(s *inventory.Session) {
	text := fmt.Sprintf("ended %s in %s by %s", s.Outcome, s.Phase, s.EndedBy)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	p.results <- result{text,
		notesOf(s.Quirks, s.ClaimedAccount, s.ClientID, s.UpstreamFrontEnd, s.UpstreamAuth, s.UpstreamSays) +
			fmt.Sprintf("AuthMechanism:%s Blockers:%v ", s.AuthMechanism, s.Blockers())}
}

// TurnedAway implements inventory.Recorder.
func (p *player) TurnedAway(away inventory.TurnedAway) {
	p.results <- result{text: "turned away: " + away.Reason}
}

func (p *player) play(line string) {
	p.t.Helper()
	if p.device == nil && line[0] != 'N' {
		p.connect()
	}
	kind, text := line[:2], strings.TrimPrefix(line[2:], " ")
	switch kind {
	case "D:":
		p.device.say(expand(text))
	case "D!":
		p.device.send(unescape(text))
	case "D.":
		_ = p.device.Close()
		p.closed = true
	case "U:":
		p.fromUpstream(text + "\r\n")
	case "U!":
		p.fromUpstream(unescape(text))
	case "U.":
		_ = p.accepted().Close()
		p.upstream = nil
	case "B:":
		p.device.hear(text)
		if strings.Contains(text, "Begin TLS negotiation") {
			p.device = startTLS(p.t, p.device.Conn, tls.VersionTLS10)
		}
	case "C:":
		p.accepted().hear(expand(text))
		words := strings.Fields(text)
		p.asksForTLS = len(words) > 0 && strings.HasSuffix(words[len(words)-1], "TLS")
	case "= ":
		p.expectResult(text)
	case "N:":
		if !strings.Contains(p.last.notes, text) {
			p.t.Errorf("notes are %s, want %s in them", p.last.notes, text)
		}
	default:
		p.t.Fatalf("unknown line %q", line)
	}
}

// connect begins a session.
func (p *player) connect() {
	p.t.Helper()
	p.closed = false
	if p.listener.StartTLS {
		p.device = newDevice(p.t, p.dialRaw())
	} else {
		p.device = p.dial(tls.VersionTLS10)
	}
}

// accepted is the upstream of this login.
func (p *player) accepted() *device {
	p.t.Helper()
	if p.upstream != nil {
		return p.upstream
	}
	_ = p.mail.SetDeadline(time.Now().Add(patience))
	c, err := p.mail.Accept()
	if err != nil {
		p.t.Fatalf("the bridge did not dial: %v", err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	p.upstream = newDevice(p.t, c)
	if p.settings["upstream"] != "starttls" {
		p.upstreamTLS()
	}
	return p.upstream
}

// upstreamTLS lets the next bytes be the bridge's handshake.
func (p *player) upstreamTLS() {
	p.upstream = newDevice(p.t, tls.Server(p.upstream.Conn, &tls.Config{Certificates: []tls.Certificate{p.world.upstream.cert}}))
}

func (p *player) fromUpstream(text string) {
	p.t.Helper()
	p.accepted().send(text)
	if p.asksForTLS && strings.Contains(text, "OK") {
		p.asksForTLS = false
		p.upstreamTLS()
	}
}

// leaveUpstream expects that the bridge has left.
func (p *player) leaveUpstream() {
	p.t.Helper()
	if p.upstream == nil {
		return
	}
	if rest, err := p.upstream.r.ReadString('\n'); rest != "" || login.IsTimeout(err) {
		p.t.Fatalf("the upstream got %q, %v, want the end", rest, err)
	}
	_ = p.upstream.Close()
	p.upstream = nil
}

// expectResult compares what came of a step; an end in full.
func (p *player) expectResult(want string) {
	p.t.Helper()
	end := strings.HasPrefix(want, "ended ")
	if end {
		if !p.closed {
			p.device.end()
		}
		p.leaveUpstream()
		p.device = nil
	}
	select {
	case p.last = <-p.results:
	case <-time.After(patience):
		p.t.Fatalf("nothing came, want %s", want)
	}
	if got := p.last.text; !strings.HasPrefix(got, want) || end && got != want {
		p.t.Fatalf("\n got %s\nwant %s", got, want)
	}
	if !strings.HasPrefix(want, "admitted") {
		p.leaveUpstream() // a login that was refused has no upstream any more, and a new one none yet
	}
}

// expand encodes what stands in <…> in base64.
func expand(s string) string {
	before, rest, found := strings.Cut(s, "<")
	inside, after, closed := strings.Cut(rest, ">")
	if !found || !closed {
		return s
	}
	return before + base64.StdEncoding.EncodeToString([]byte(unescape(inside))) + after
}

func unescape(s string) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00", `\1`, "\x01").Replace(s)
}
