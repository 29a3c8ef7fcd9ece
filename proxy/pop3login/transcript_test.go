package pop3login_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"go.uber.org/goleak"

	"drawbridge/internal/oauth"
	"drawbridge/proxy"
	"drawbridge/proxy/pop3login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A transcript is a dialog in testdata. Its header says what it is: "tls: starttls" begins before TLS, "upstream:
// starttls" too on that side. Then lines: "D:" the device says, "B:" the bridge says to the device, "C:" the bridge says
// to the upstream, "U:" the upstream says, "=" what came of it: credentials, an error, notes. "D!" says without a line
// ending, so that what follows arrives with it.
func TestPOP3_Transcripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playTranscript(t, file) })
	}
}

const patience = 10 * time.Second

// stage is a login between a device and an upstream that the test plays.
type stage struct {
	t                *testing.T
	device, upstream net.Conn
	deviceR, upR     *bufio.Reader
	notes            *proxy.Notes
	results          chan string
}

func playTranscript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, script, found := strings.Cut(string(text), "\n\n")
	if !found {
		t.Fatalf("%s has no header", file)
	}
	s := newStage(t, strings.Contains(header, "tls: starttls"), strings.Contains(header, "upstream: starttls"))
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		s.play(fmt.Sprintf("%s line %d", file, i+1), line)
	}
}

func newStage(t *testing.T, plain, plainUpstream bool) *stage {
	t.Helper()
	device, bridgeD := net.Pipe()
	upstream, bridgeU := net.Pipe()
	for _, c := range []net.Conn{device, bridgeD, upstream, bridgeU} {
		_ = c.SetDeadline(time.Now().Add(patience))
	}
	s := &stage{t: t, device: device, upstream: upstream, deviceR: bufio.NewReader(device), upR: bufio.NewReader(upstream),
		notes: &proxy.Notes{}, results: make(chan string, 16)}
	asIs := func(_ context.Context, c net.Conn) (net.Conn, error) { return c, nil }
	d := proxy.ConnOptions{Secure: !plain, Notes: s.notes, MaxBadCommands: 4}
	u := proxy.ConnOptions{Secure: !plainUpstream, Announced: &proxy.Announced{}}
	if plain {
		d.Upgrade = asIs
	}
	if plainUpstream {
		u.Upgrade = asIs
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve(t.Context(), proxy.NewConn(bridgeD, d), proxy.NewConn(bridgeU, u))
	}()
	t.Cleanup(func() {
		for _, c := range []net.Conn{device, bridgeD, upstream, bridgeU} {
			_ = c.Close()
		}
		<-done
	})
	return s
}

// serve does with a login what the Server does.
func (s *stage) serve(ctx context.Context, device, upstream *proxy.Conn) {
	l := pop3login.New(device, "Drawbridge POP3 service is ready.", s.notes)
	for {
		err := s.attempt(ctx, l, upstream)
		if err == nil {
			s.result("admitted")
			return
		}
		var r *proxy.Refusal
		if !errors.As(err, &r) {
			s.result("error " + err.Error())
			return
		}
		s.result("refused " + err.Error())
		if l.Refuse(r) != nil {
			return
		}
	}
}

func (s *stage) attempt(ctx context.Context, l proxy.Login, upstream *proxy.Conn) error {
	c, err := l.Read(ctx)
	if err != nil {
		return err
	}
	s.result(fmt.Sprintf("%s %q %q", c.Mechanism, c.Account, c.Password.Reveal()))
	mechs := []sasl.Client{proxy.NewPasswordLogin(c.Account, c.Password)}
	if c.Token() {
		mechs = []sasl.Client{oauth.NewXOAUTH2Client(c.Account, c.Password.Reveal())}
	}
	if err := l.Authenticate(ctx, upstream, mechs); err != nil {
		return err
	}
	if err := l.Prove(ctx); err != nil {
		return err
	}
	return l.Admit("")
}

func (s *stage) result(r string) { s.results <- r }

func (s *stage) play(where, line string) {
	s.t.Helper()
	kind, text := line[:1], strings.TrimPrefix(strings.TrimPrefix(line[1:], ":"), " ")
	switch kind {
	case "D":
		ending := "\r\n"
		if strings.HasPrefix(line, "D!") {
			ending, text = "", unescape(strings.TrimPrefix(line[2:], " "))
		}
		s.write(where, s.device, text+ending)
	case "U":
		if strings.HasPrefix(line, "U!") {
			s.write(where, s.upstream, unescape(strings.TrimPrefix(line[2:], " ")))
			return
		}
		s.write(where, s.upstream, text+"\r\n")
	case "B":
		s.expect(where, s.deviceR, text)
	case "C":
		s.expect(where, s.upR, text)
	case "=":
		s.expectResult(where, text)
	case "N":
		if got := fmt.Sprintf("%+v", *s.notes); !strings.Contains(got, text) {
			s.t.Errorf("%s: notes are %s, want %s in them", where, got, text)
		}
	default:
		s.t.Fatalf("%s: unknown line %q", where, line)
	}
}

func unescape(s string) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00", `\x01`, "\x01").Replace(s)
}

func (s *stage) write(where string, c net.Conn, text string) {
	s.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		s.t.Fatalf("%s: write %q: %v", where, text, err)
	}
}

func (s *stage) expect(where string, r *bufio.Reader, want string) {
	s.t.Helper()
	got, err := r.ReadString('\n')
	if err != nil {
		s.t.Fatalf("%s: got %q, %v, want %q", where, got, err, want)
	}
	if got != want+"\r\n" {
		s.t.Fatalf("%s:\n got %q\nwant %q", where, got, want+"\r\n")
	}
}

func (s *stage) expectResult(where, want string) {
	s.t.Helper()
	select {
	case got := <-s.results:
		if !strings.HasPrefix(got, want) {
			s.t.Fatalf("%s:\n got %s\nwant %s", where, got, want)
		}
	case <-time.After(patience):
		s.t.Fatalf("%s: nothing came, want %s", where, want)
	}
}

func mechanisms(name, password string) []sasl.Client {
	return []sasl.Client{proxy.NewPasswordLogin(name, proxy.NewSecret(password))}
}
