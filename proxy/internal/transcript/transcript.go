// Package transcript plays recorded dialogs between a device, a login and an upstream, for the tests of the login
// packages. A device's oddity is a file in testdata, and the folder becomes a museum of real hardware.
package transcript

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// Play plays all transcripts of the test's testdata/*.txt with logins that n makes, ended by badCommands bad commands. A
// transcript is a dialog. Its header says what it is, and may have settings: "tls: starttls" begins before
// TLS, "upstream: starttls" does so on that side, "remembered:" is what the upstream announced to an earlier session,
// "notice:" what the device is told at its login. Then lines: "D:" the device says, "B:" the bridge says to the device,
// "C:" the bridge says to the upstream, "U:" the upstream says, "=" what came of it: credentials or an error, "N:"
// a note. "D!" and "U!" say without a line ending of their own. Each login that the bridge takes opens a new upstream.
func Play(t *testing.T, n login.Dialect, badCommands int) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file, n, badCommands) })
	}
}

const patience = 10 * time.Second

// player is a login between a device and an upstream that the test plays.
type player struct {
	t        *testing.T
	settings map[string]string
	device   net.Conn
	deviceR  *bufio.Reader
	upstream net.Conn      // set before the credentials are in results
	upR      *bufio.Reader // likewise
	announce *login.Announced
	notes    *login.Notes
	heard    login.UpstreamNotes
	results  chan result
	noted    string // the notes as of the last result
}

// result is what came of a step, and the notes at that time.
type result struct{ text, notes string }

func playFile(t *testing.T, file string, n login.Dialect, badCommands int) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, script, found := strings.Cut(string(text), "\n\n")
	if !found {
		t.Fatalf("%s has no header", file)
	}
	s := newPlayer(t, settingsOf(header), n, badCommands)
	first := strings.Count(header, "\n") + 3
	for i, line := range strings.Split(strings.TrimRight(script, "\n"), "\n") {
		s.play(fmt.Sprintf("%s:%d", file, first+i), line)
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

func newPlayer(t *testing.T, settings map[string]string, n login.Dialect, badCommands int) *player {
	t.Helper()
	device, bridge := pipe(t)
	s := &player{t: t, settings: settings, device: device, deviceR: bufio.NewReader(device),
		announce: &login.Announced{}, notes: &login.Notes{}, results: make(chan result, 16)}
	if list := settings["remembered"]; list != "" {
		s.announce.Store(strings.Fields(list))
	}
	o := login.ConnOptions{Secure: settings["tls"] != "starttls", Notes: s.notes, MaxBadCommands: badCommands, Upgrade: asIs}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve(t.Context(), n, login.NewConn(bridge, o))
	}()
	t.Cleanup(func() {
		_ = bridge.Close()
		if s.upstream != nil {
			_ = s.upstream.Close()
		}
		<-done
	})
	return s
}

func (s *player) report(text string) { s.results <- result{text, s.allNotes()} }

// allNotes are those of the device's half and of the upstream's.
func (s *player) allNotes() string {
	h := s.heard
	return fmt.Sprintf("%+v FrontEnd:%s UpstreamAuth:%s UpstreamSays:%s ", *s.notes, h.FrontEnd, h.Auth, h.Says)
}

func asIs(_ context.Context, c net.Conn) (net.Conn, error) { return c, nil }

func pipe(t *testing.T) (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	for _, c := range []net.Conn{ours, theirs} {
		_ = c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { _ = c.Close() })
	}
	return ours, theirs
}

// serve does with a login what the Server does.
func (s *player) serve(ctx context.Context, n login.Dialect, device *login.Conn) {
	l := n.NewLogin(device, "Drawbridge is ready.", s.notes)
	for {
		err := s.attempt(ctx, n, l)
		if err == nil {
			s.report("admitted")
			return
		}
		var r *login.Refusal
		if !errors.As(err, &r) {
			s.report("error " + err.Error())
			return
		}
		s.report("refused " + err.Error())
		if l.Refuse(r) != nil {
			return
		}
	}
}

func (s *player) attempt(ctx context.Context, n login.Dialect, l login.Login) error {
	c, err := l.Read(ctx)
	if err != nil {
		return err
	}
	upstream, bridge := pipe(s.t)
	s.upstream, s.upR = upstream, bufio.NewReader(upstream)
	s.report(fmt.Sprintf("%s %q %q", c.Mechanism, c.Account, c.Password.Reveal()))
	conn := login.NewConn(bridge, login.ConnOptions{Secure: s.settings["upstream"] != "starttls", Announced: s.announce, Upgrade: asIs})
	s.heard.FrontEnd, s.heard.Says = "", ""
	half := n.NewUpstreamHalf(conn, &s.heard)
	if err := LogIn(ctx, half, Mechanisms(c)); err != nil {
		return err
	}
	if err := half.ProveMailbox(ctx); err != nil {
		return err
	}
	return l.Admit(login.Admission{Notice: s.settings["notice"], Capabilities: half.Capabilities()})
}

// LogIn is what a session does with the upstream's half before the mailbox is proven.
func LogIn(ctx context.Context, half login.UpstreamHalf, mechs []sasl.Client) error {
	if err := half.Greet(ctx); err != nil {
		return err
	}
	return half.LogIn(ctx, mechs)
}

// Mechanisms hands on what a device presented.
func Mechanisms(c login.Credentials) []sasl.Client {
	if c.Token() {
		return []sasl.Client{Token("user=" + c.Account + "\x01auth=Bearer " + c.Password.Reveal() + "\x01\x01")}
	}
	return []sasl.Client{login.NewPasswordLogin(c.Account, c.Password)}
}

// Token is XOAUTH2 as a SASL mechanism: its initial response.
type Token string

// Start implements sasl.Client.
func (t Token) Start() (string, []byte, error) { return "XOAUTH2", []byte(t), nil }

// Next implements sasl.Client.
func (t Token) Next([]byte) ([]byte, error) { return []byte{}, nil }

func (s *player) play(where, line string) {
	s.t.Helper()
	kind, text := line[:2], strings.TrimPrefix(line[2:], " ")
	if kind[0] == 'B' {
		s.noted = ""
	}
	switch kind {
	case "D:":
		s.write(where, s.device, expand(text)+"\r\n")
	case "D!":
		s.write(where, s.device, unescape(text))
	case "U:":
		s.write(where, s.upstream, text+"\r\n")
	case "U!":
		s.write(where, s.upstream, unescape(text))
	case "U.":
		_ = s.upstream.Close()
	case "B:":
		s.expect(where, s.deviceR, text)
	case "C:":
		s.expect(where, s.upR, expand(text))
	case "= ":
		s.expectResult(where, line[2:])
	case "N:":
		s.expectNote(where, text)
	default:
		s.t.Fatalf("%s: unknown line %q", where, line)
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

func (s *player) write(where string, c net.Conn, text string) {
	s.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		s.t.Fatalf("%s: write %q: %v", where, text, err)
	}
}

func (s *player) expect(where string, r *bufio.Reader, want string) {
	s.t.Helper()
	got, err := r.ReadString('\n')
	if err != nil {
		s.t.Fatalf("%s: got %q, %v, want %q", where, got, err, want)
	}
	if got != want+"\r\n" {
		s.t.Fatalf("%s:\n got %q\nwant %q", where, got, want+"\r\n")
	}
}

func (s *player) expectResult(where, want string) {
	s.t.Helper()
	select {
	case got := <-s.results:
		if s.noted = got.notes; !strings.HasPrefix(got.text, want) {
			s.t.Fatalf("%s:\n got %s\nwant %s", where, got.text, want)
		}
	case <-time.After(patience):
		s.t.Fatalf("%s: nothing came, want %s", where, want)
	}
}

// expectNote looks at the notes as of the last result, or, after a line of the bridge, as they are: then it reads from the
// device and changes nothing.
func (s *player) expectNote(where, want string) {
	s.t.Helper()
	got := s.noted
	if got == "" {
		got = s.allNotes()
	}
	if !strings.Contains(got, want) {
		s.t.Errorf("%s: notes are %s, want %s in them", where, got, want)
	}
}
