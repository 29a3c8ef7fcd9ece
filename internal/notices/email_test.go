package notices_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/config"
	"drawbridge/internal/notices"
	"drawbridge/internal/secret"
)

// mailServer is a small SMTP server (RFC 5321) with STARTTLS (RFC 3207) and AUTH PLAIN and LOGIN (RFC 4954). Its fields are set before
// it is used.
type mailServer struct {
	net.Listener
	tls      *tls.Config
	ca       []byte
	implicit bool
	noTLS    bool
	login    string                     // "user password"; empty: AUTH is not offered
	answers  map[string]string          // by command word, in place of its own answer; "." is the message's; "" ends the connection
	stall    map[string]<-chan struct{} // by command word: until when nothing is said
	mechs    string

	mu       sync.Mutex
	messages []string
	clear    []string // commands that came without TLS
	sessions sync.WaitGroup
}

func newMailServer(t *testing.T, set func(*mailServer)) *mailServer {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: l, tls: &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}, ca: ca(certified),
		mechs: "PLAIN LOGIN"}
	if set != nil {
		set(s)
	}
	s.sessions.Go(s.serve)
	t.Cleanup(func() {
		_ = l.Close()
		s.sessions.Wait()
	})
	return s
}

func (s *mailServer) serve() {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.sessions.Go(func() { s.session(c) })
	}
}

// mailSession is one connection.
type mailSession struct {
	*mailServer
	net.Conn
	r      *bufio.Reader
	secure bool
	known  bool
}

func (s *mailServer) session(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	m := &mailSession{mailServer: s, Conn: c, r: bufio.NewReader(c)}
	if s.implicit && m.startTLS() != nil {
		return
	}
	if m.say("220 mail.example ESMTP", "greeting") != nil {
		return
	}
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := m.command(strings.ToUpper(word), rest); err != nil {
			return
		}
	}
}

// say answers a command, or says what the test has it say.
func (m *mailSession) say(answer, command string) error {
	if until := m.stall[command]; until != nil {
		<-until
	}
	if other, is := m.answers[command]; is {
		if answer = other; answer == "" {
			return io.EOF
		}
	}
	_, err := io.WriteString(m, answer+"\r\n")
	return err
}

func (m *mailSession) startTLS() error {
	c := tls.Server(m.Conn, m.tls)
	if err := c.Handshake(); err != nil {
		return err
	}
	m.Conn, m.r, m.secure = c, bufio.NewReader(c), true
	return nil
}

func (m *mailSession) command(word, rest string) error {
	if !m.secure {
		m.mu.Lock()
		m.clear = append(m.clear, word)
		m.mu.Unlock()
	}
	switch word {
	case "EHLO":
		return m.say(m.extensions(), word)
	case "STARTTLS":
		if err := m.say("220 go ahead", word); err != nil {
			return err
		}
		return m.startTLS()
	case "AUTH":
		return m.auth(rest)
	case "DATA":
		return m.data()
	case "QUIT":
		_ = m.say("221 bye", word)
		return io.EOF
	case "MAIL":
		if m.login != "" && !m.known {
			return m.say("530 5.7.0 Authentication required", word)
		}
	}
	return m.say("250 fine", word)
}

func (m *mailSession) extensions() string {
	list := "250-mail.example\r\n"
	if !m.secure && !m.noTLS {
		list += "250-STARTTLS\r\n"
	}
	if m.login != "" {
		list += "250-AUTH " + m.mechs + "\r\n"
	}
	return list + "250 8BITMIME"
}

// auth takes PLAIN with its initial response, and LOGIN.
func (m *mailSession) auth(rest string) error {
	mechanism, initial, _ := strings.Cut(rest, " ")
	var words []string
	decode := func(text string) {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		words = append(words, string(b))
	}
	switch mechanism {
	case "PLAIN":
		decode(initial)
		words = strings.Split(strings.Trim(words[0], "\x00"), "\x00")
	case "LOGIN":
		for _, prompt := range []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"} {
			if err := m.say("334 "+prompt, "prompt"); err != nil {
				return err
			}
			line, err := m.r.ReadString('\n')
			if err != nil {
				return err
			}
			decode(line)
		}
	}
	if m.known = strings.Join(words, " ") == m.login; !m.known {
		return m.say("535 5.7.8 wrong: "+rest+" "+strings.Join(words, " "), "AUTH")
	}
	return m.say("235 2.7.0 you are", "AUTH")
}

func (m *mailSession) data() error {
	if err := m.say("354 go on", "DATA"); err != nil {
		return err
	}
	var text strings.Builder
	for {
		line, err := m.r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	if _, other := m.answers["."]; !other {
		m.mu.Lock()
		m.messages = append(m.messages, text.String())
		m.mu.Unlock()
	}
	return m.say("250 2.0.0 queued", ".")
}

// wantEnded wants every connection to have ended: none is left open by whom it came from.
func (s *mailServer) wantEnded(t *testing.T) {
	t.Helper()
	_ = s.Close()
	ended := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // the server itself waits for 20
		t.Error("a connection was left open")
		<-ended
	}
}

// at is a configuration that sends to the server.
func (s *mailServer) at(change func(*config.NoticeEmail)) config.Notices {
	e := config.NoticeEmail{Server: s.Addr().String(), TLS: config.EmailSTARTTLS, CAPEM: s.ca, From: "bridge@contoso.example",
		To: []string{"it@contoso.example", "second@contoso.example"}}
	if change != nil {
		change(&e)
	}
	return config.Notices{QuietAfter: 14 * 24 * time.Hour, Ahead: 7 * 24 * time.Hour, Every: 15 * time.Minute, Email: &e}
}

func withLogin(e *config.NoticeEmail) { e.User, e.Password = "bridge", secret.New("geheimnis 7") }

func TestEmail_EveryWayToSend(t *testing.T) {
	login := func(s *mailServer) { s.login = "bridge geheimnis 7" }
	for _, test := range []struct {
		name   string
		server func(*mailServer)
		client func(*config.NoticeEmail)
		clear  string
	}{
		{"STARTTLS and AUTH PLAIN", login, withLogin, "EHLO STARTTLS"},
		{"STARTTLS and AUTH LOGIN", func(s *mailServer) { login(s); s.mechs = "NTLM LOGIN" }, withLogin, "EHLO STARTTLS"},
		{"STARTTLS without login", nil, nil, "EHLO STARTTLS"},
		{"implicit TLS", func(s *mailServer) { login(s); s.implicit = true },
			func(e *config.NoticeEmail) { withLogin(e); e.TLS = config.EmailImplicit }, ""},
		{"no TLS, by name", func(s *mailServer) { s.noTLS = true }, func(e *config.NoticeEmail) { e.TLS = config.EmailNone },
			"EHLO MAIL RCPT RCPT DATA QUIT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newMailServer(t, test.server)
			if err := channels(t, s.at(test.client))[0].Send(t.Context(), example()); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			s.sessions.Wait()
			if got := strings.Join(s.clear, " "); got != test.clear {
				t.Errorf("without TLS came %q, want %q", got, test.clear)
			}
			if len(s.messages) != 1 {
				t.Fatalf("%d messages", len(s.messages))
			}
			wantLetter(t, s.messages[0])
		})
	}
}

func wantLetter(t *testing.T, text string) {
	t.Helper()
	letter, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"Subject": "Drawbridge bridge-1: 1 device failing, 2 new devices, 12 quiet devices",
		"From": "<bridge@contoso.example>", "To": "<it@contoso.example>, <second@contoso.example>", "Auto-Submitted": "auto-generated",
		"Date": "Tue, 24 Nov 2026 12:00:00 +0000", "Message-Id": "<A1@contoso.example>"} {
		if got := letter.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	body, _ := io.ReadAll(letter.Body)
	flat := strings.ReplaceAll(string(body), "=\r\n", "")
	if !strings.Contains(flat, "- 10.0.0.3/b logged in for the first time\r\n") || !strings.Contains(flat, "And 12 more") {
		t.Errorf("the text is %q", flat)
	}
}

func TestEmail_WhatIsNotSent(t *testing.T) {
	refuses := func(command, answer string) func(*mailServer) {
		return func(s *mailServer) { s.answers = map[string]string{command: answer} }
	}
	for _, test := range []struct {
		name   string
		server func(*mailServer)
		client func(*config.NoticeEmail)
		says   string
		unsure bool
	}{
		{"without STARTTLS nothing goes", func(s *mailServer) { s.noTLS, s.login = true, "bridge geheimnis 7" }, withLogin, "STARTTLS",
			false},
		{"a certificate that does not verify", nil, func(e *config.NoticeEmail) { withLogin(e); e.CAPEM = nil }, "root into ca", false},
		{"a name that is another's", nil,
			func(e *config.NoticeEmail) { e.Server = strings.Replace(e.Server, "127.0.0.1", "localhost", 1) }, "write the name into server", false},
		{"TLS from the first byte on", nil, func(e *config.NoticeEmail) { e.TLS = config.EmailImplicit }, "TLS handshake", false},
		{"a wrong password", func(s *mailServer) { s.login = "bridge other" }, withLogin, "see user and password", false},
		{"no password", func(s *mailServer) { s.login = "bridge other" }, nil, "write user and password", false},
		{"a sender that may not", refuses("MAIL", "550 5.7.60 not yours"), nil, `550 "5.7.60 not yours": see from and to`, false},
		{"a recipient of two", refuses("RCPT", "550 5.1.1 unknown"), nil, "see from and to", false},
		{"a server that is busy", refuses("MAIL", "452 4.3.1 full"), nil, "wait, or ask", false},
		{"no greeting", refuses("greeting", "554 5.3.2 not now"), nil, "554", false},
		{"a message that is refused", refuses(".", "554 5.7.1 spam"), nil, "see from and to", false},
		{"an end before the message", refuses("DATA", ""), nil, "EOF", false},
		{"no answer to the message", refuses(".", ""), nil, "which it may have taken", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newMailServer(t, test.server)
			f := emailFault(t, channels(t, s.at(test.client))[0], t.Context())
			if !strings.Contains(f.Error(), test.says) || f.Uncertain != test.unsure {
				t.Errorf("got %+v, want %q, uncertain: %t", f, test.says, test.unsure)
			}
			s.wantEnded(t)
			if len(s.messages) > 0 || strings.Contains(strings.Join(s.clear, " "), "AUTH") {
				t.Errorf("messages %q, in clear %q", s.messages, s.clear)
			}
		})
	}
}

// emailFault sends a message that is not taken, and returns why, once it is certain that no password is in it.
func emailFault(t *testing.T, c notices.Channel, ctx context.Context) *notices.Fault {
	t.Helper()
	var f *notices.Fault
	if err := c.Send(ctx, example()); !errors.As(err, &f) {
		t.Fatalf("Send = %v, want a *Fault", err)
	}
	for _, hidden := range []string{"geheimnis", base64.StdEncoding.EncodeToString([]byte("\x00bridge\x00geheimnis 7"))} {
		if strings.Contains(f.Error()+c.Name, hidden) {
			t.Errorf("it says %s", f)
		}
	}
	return f
}

// TestEmail_AServerThatIsSilentOrEndless is given up when the time is over, at whatever step, and of what it says no more than a bound is
// read.
func TestEmail_AServerThatIsSilentOrEndless(t *testing.T) {
	for _, step := range []string{"greeting", "EHLO", "STARTTLS", "MAIL", "DATA", "."} {
		t.Run(step, func(t *testing.T) {
			over := make(chan struct{})
			s := newMailServer(t, func(s *mailServer) { s.stall = map[string]<-chan struct{}{step: over} })
			defer close(over)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			f := emailFault(t, channels(t, s.at(nil))[0], ctx)
			if took := time.Since(began); f.Uncertain != (step == ".") || took > 10*time.Second {
				t.Errorf("after %s: %+v", took, f)
			}
		})
	}
	s := newMailServer(t, func(s *mailServer) { s.answers = map[string]string{"greeting": "220 " + strings.Repeat("x", 1<<20)} })
	if f := emailFault(t, channels(t, s.at(nil))[0], t.Context()); !strings.Contains(f.Problem, "EOF") || len(f.Problem) > 2000 {
		t.Errorf("an endless greeting: %.300s", f.Problem)
	}
}

// TestSend_RealReceiversDownForAnHour: a mail server and a webhook receiver are down for an hour, in which the bridge starts anew
// twice; then each has each notice once.
func TestSend_RealReceiversDownForAnHour(t *testing.T) {
	w := newWorld(t)
	down := newMailServer(t, func(s *mailServer) { s.answers = map[string]string{"greeting": "421 4.3.2 down"} })
	h := newHook(t)
	h.answer = unavailable
	cfg := down.at(nil)
	cfg.Webhooks = h.at(config.WebhookJSON, "a key").Webhooks
	open := func(cfg config.Notices) *notices.Notifier {
		return w.openWith(notices.Settings{Config: cfg, Zone: time.UTC, Channels: channels(t, cfg)})
	}
	n := open(cfg)
	w.now = w.now.Add(time.Second)
	for i := range 60 {
		w.come(fmt.Sprintf("scanner%d", i))
		if i%20 == 19 {
			n = open(cfg)
		}
		w.pass(n, time.Minute)
	}
	h.mu.Lock()
	refused := len(h.bodies)
	h.bodies, h.answer = nil, nil
	h.mu.Unlock()
	if refused < 5 || refused > 8 {
		t.Errorf("the webhook was tried %d times in the hour", refused)
	}
	up := newMailServer(t, nil)
	n = open(func() config.Notices { c := up.at(nil); c.Webhooks = cfg.Webhooks; return c }())
	for range 120 {
		w.pass(n, time.Minute)
	}
	_ = up.Close()
	up.sessions.Wait()
	for name, all := range map[string]string{"the mail server": strings.ReplaceAll(strings.Join(up.messages, ""), "=\r\n", ""),
		"the webhook": strings.Join(h.bodies, "")} {
		for i := range 60 {
			if got := strings.Count(all, fmt.Sprintf("10.0.0.1/scanner%d logged in", i)); got != 1 {
				t.Errorf("%s has scanner%d %d times", name, i, got)
			}
		}
	}
	if len(down.messages) > 0 || len(up.messages) != 1 || len(h.bodies) != 1 {
		t.Errorf("%d and %d messages by e-mail, %d by webhook; want 0, 1 and 1", len(down.messages), len(up.messages), len(h.bodies))
	}
}

func TestTest_TellsOfEachChannel(t *testing.T) {
	s := newMailServer(t, nil)
	h := newHook(t)
	h.answer = unavailable
	cfg := s.at(nil)
	cfg.Webhooks = h.at(config.WebhookSlack, "").Webhooks
	got := notices.Test(t.Context(), channels(t, cfg), "bridge-1", noon)
	if len(got) != 2 || !got[0].Taken || got[0].Channel != "email "+s.Addr().String() || got[1].Taken ||
		got[1].Problem != "the answer was 503 Service Unavailable" || got[1].Mend == "" {
		t.Errorf("got %+v", got)
	}
	if len(s.messages) != 1 || !strings.Contains(s.messages[0], "Subject: Drawbridge bridge-1: a test of notices") {
		t.Errorf("messages %q", s.messages)
	}
}
