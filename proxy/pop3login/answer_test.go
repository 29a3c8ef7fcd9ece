package pop3login_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/internal/logintest"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

const (
	greets  = "+OK ready\r\n"
	hasSASL = "+OK\r\nUSER\r\nSASL PLAIN XOAUTH2\r\n.\r\n"
	hasUser = "+OK\r\nUSER\r\n.\r\n"
)

// spoken is what became of a login at an upstream that says certain things whatever it hears.
type spoken struct {
	err   error
	heard string // by the upstream
	notes login.UpstreamNotes
	half  login.UpstreamHalf
}

// logIn logs in upstream with mechs.
func logIn(t *testing.T, announced *login.Announced, says string, mechs []sasl.Client) *spoken {
	t.Helper()
	up := saying([]byte(says))
	s := &spoken{}
	s.half = pop3login.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: true, Announced: announced}), &s.notes)
	s.err = logintest.LogIn(t.Context(), s.half, mechs)
	s.heard = up.out.String()
	return s
}

func withToken(name, token string) []sasl.Client {
	return []sasl.Client{logintest.Token("user=" + name + "\x01auth=Bearer " + token + "\x01\x01")}
}

// reasonOf is the reason of a refusal, -1 for none.
func reasonOf(t *testing.T, err error) login.Reason {
	t.Helper()
	var r *login.Refusal
	switch {
	case err == nil:
		return -1
	case !errors.As(err, &r):
		t.Errorf("an upstream's fault must be told as a refusal: %v", err)
		return -2
	}
	return r.Reason
}

func TestPOP3_AnswersToALogin(t *testing.T) {
	const accepted = login.Reason(-1)
	for answer, want := range map[string]login.Reason{
		"+OK":                              accepted,
		"+ok in lower":                     accepted,
		"+OK User successfully logged on.": accepted,

		"-ERR": login.BadCredentials,
		"-ERR Logon failure: unknown user name or bad password.": login.BadCredentials,
		"-ERR Authentication failed.":                            login.BadCredentials,
		"-ERR [AUTH] Authentication failed.":                     login.BadCredentials,
		"-err [auth] in lower case":                              login.BadCredentials,
		"-ERR  [AUTH] two spaces":                                login.BadCredentials,
		"-ERR Logon failure. [AMC=]":                             login.BadCredentials,
		`-ERR [Error="x" Server=y] no code`:                      login.BadCredentials,
		"-ERR the code is not in front [IN-USE]":                 login.BadCredentials,

		"-ERR [IN-USE] mailbox is locked": login.TooManySessions,
		"-ERR [INUSE] mailbox is locked":  login.TooManySessions,
		"-ERR [in-use] in lower case":     login.TooManySessions,
		"-ERR [LIMIT] too many":           login.TooManySessions,

		"-ERR [SYS/TEMP] later":       login.Unavailable,
		"-ERR [SYS/PERM] never":       login.Unavailable,
		"-ERR [LOGIN-DELAY] too soon": login.Unavailable,
		"-ERR [UNAVAILABLE] later":    login.Unavailable,
		"-ERR [XYZZY] nobody knows":   login.Unavailable,

		"-ERR Basic authentication is disabled.":                                login.Unavailable,
		"-ERR basic AUTHENTICATION is disabled.":                                login.Unavailable,
		"-ERR Server Unavailable. 15":                                           login.Unavailable,
		"-ERR Request is throttled. Suggested Backoff Time: 89117 milliseconds": login.Unavailable,
		"-ERR Protocol error. Connection is closed. 10":                         login.Unavailable,
		"-ERR Protocol error. 19":                                               login.Unavailable,
		"-ERR Command is not valid in this state.":                              login.Unavailable,

		"":                       login.Unavailable,
		"BAD command":            login.Unavailable,
		"* BYE going down":       login.Unavailable,
		"500 what are you doing": login.Unavailable,
	} {
		for how, before := range map[string]string{
			"PASS":       greets + hasUser + "+OK\r\n",
			"AUTH PLAIN": greets + "+OK\r\nSASL PLAIN\r\n.\r\n+ \r\n",
		} {
			s := logIn(t, nil, before+answer+"\r\n", mechanisms("anna", "canary"))
			if got := reasonOf(t, s.err); got != want {
				t.Errorf("%s answered %q: reason %d, want %d (%v)", how, answer, got, want, s.err)
			}
			says := strings.TrimRight(answer, " ")
			if want == accepted {
				says = ""
			}
			if s.notes.Says != says {
				t.Errorf("%s answered %q: upstream_says is %q", how, answer, s.notes.Says)
			}
			if s.err != nil && strings.Contains(s.err.Error(), "canary") {
				t.Errorf("%s answered %q: the reason tells the password", how, answer)
			}
		}
	}
}

func TestPOP3_AnswersToUSER(t *testing.T) {
	for answer, want := range map[string]login.Reason{
		"-ERR":                       login.BadCredentials,
		"-ERR [SYS/TEMP] later":      login.Unavailable,
		"-ERR [IN-USE] locked":       login.TooManySessions,
		"-ERR Server Unavailable. 1": login.Unavailable,
		"what?":                      login.Unavailable,
	} {
		s := logIn(t, nil, greets+hasUser+answer+"\r\n", mechanisms("anna", "canary"))
		if got := reasonOf(t, s.err); got != want || strings.Contains(s.heard, "canary") {
			t.Errorf("USER answered %q: reason %d, want %d; the upstream heard %q", answer, got, want, s.heard)
		}
	}
}

func TestPOP3_AnswersToAToken(t *testing.T) {
	for answer, want := range map[string]login.Reason{
		"-ERR Authentication failure: unknown user name or bad password.": login.BadCredentials,
		"-ERR [AUTH] no": login.BadCredentials,
		"-ERR Protocol error. Connection is closed. 10": login.Unavailable,
		"-ERR [SYS/TEMP] later":                         login.Unavailable,
		"* BYE":                                         login.Unavailable,
	} {
		s := logIn(t, nil, greets+hasSASL+"+ \r\n"+answer+"\r\n", withToken("a@b", "canary"))
		if got := reasonOf(t, s.err); got != want {
			t.Errorf("%q: reason %d, want %d", answer, got, want)
		}
		if want == login.BadCredentials && !strings.Contains(s.err.Error(), "token") {
			t.Errorf("%q: the reason does not speak of the token: %v", answer, s.err)
		}
	}
}

func TestPOP3_UpstreamThatIsSilentOrOutOfStepIsUnavailable(t *testing.T) {
	many := strings.Repeat("X\r\n", 65)
	for name, says := range map[string]string{
		"no greeting":                "",
		"greeting cut off":           "+OK rea",
		"greets with a refusal":      "-ERR [SYS/TEMP] overloaded\r\n",
		"greets as IMAP":             "* OK IMAP4rev1 ready\r\n",
		"closes after its greeting":  greets,
		"CAPA cut off":               greets + "+OK\r\nUSER\r\n",
		"more than 64 capabilities":  greets + "+OK\r\n" + many + ".\r\n",
		"an endless line":            greets + strings.Repeat("x", 70<<10) + "\r\n",
		"closes after AUTH":          greets + hasSASL,
		"closes after USER":          greets + hasUser,
		"closes after PASS":          greets + hasUser + "+OK\r\n",
		"challenges without end":     greets + hasSASL + strings.Repeat("+ \r\n", 20),
		"closes after its challenge": greets + hasSASL + "+ \r\n",
	} {
		s := logIn(t, nil, says, mechanisms("anna", "right"))
		if got := reasonOf(t, s.err); got != login.Unavailable {
			t.Errorf("%s: reason %d: %v", name, got, s.err)
		}
	}
	if s := logIn(t, nil, greets+"+OK\r\nSASL PLAIN\r\n"+many[:len("X\r\n")*63]+".\r\n+ \r\n+OK\r\n", mechanisms("anna",
		"right")); s.err != nil {
		t.Errorf("64 capabilities: %v", s.err)
	}
}

func TestPOP3_MechanismsByWhatIsAnnounced(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00anna\x00right"))
	for _, c := range []struct {
		name, capa string
		says       string // then
		mechs      []sasl.Client
		heard      string // after CAPA
		auth       string
	}{
		{"PLAIN", hasSASL, "+ \r\n+OK\r\n", mechanisms("anna", "right"), "AUTH PLAIN\r\n" + plain + "\r\n", "PLAIN"},
		{"in lower case", "+OK\r\nsasl plain\r\n.\r\n", "+ \r\n+OK\r\n", mechanisms("anna", "right"), "AUTH PLAIN\r\n" + plain + "\r\n", "PLAIN"},
		{"no SASL", hasUser, "+OK\r\n+OK\r\n", mechanisms("anna", "right"), "USER anna\r\nPASS right\r\n", "USER"},
		{"SASL without PLAIN", "+OK\r\nSASL NTLM GSSAPI\r\nUSER\r\n.\r\n", "+OK\r\n+OK\r\n", mechanisms("anna", "right"),
			"USER anna\r\nPASS right\r\n", "USER"},
		{"nothing", "+OK\r\n.\r\n", "+OK\r\n+OK\r\n", mechanisms("anna", "right"), "USER anna\r\nPASS right\r\n", "USER"},
		{"no CAPA", "-ERR what?\r\n", "+OK\r\n+OK\r\n", mechanisms("anna", "right"), "USER anna\r\nPASS right\r\n", "USER"},
		{"odd names and passwords", hasUser, "+OK\r\n+OK\r\n", mechanisms(`CONTOSO\scanner one`, "p ss \xe4 "),
			"USER CONTOSO\\scanner one\r\nPASS " +
				"p ss \xe4 \r\n", "USER"},
		{"the first that is announced", hasSASL, "+ \r\n+OK\r\n", append(withToken("a@b", "t"), mechanisms("anna", "right")...),
			"AUTH XOAUTH2\r\n" +
				base64.StdEncoding.EncodeToString([]byte("user=a@b\x01auth=Bearer t\x01\x01")) + "\r\n", "XOAUTH2"},
		{"the second", "+OK\r\nSASL PLAIN\r\n.\r\n", "+ \r\n+OK\r\n", append(withToken("a@b", "t"), mechanisms("anna", "right")...),
			"AUTH PLAIN\r\n" + plain + "\r\n", "PLAIN"},
	} {
		s := logIn(t, nil, greets+c.capa+c.says, c.mechs)
		if want := "CAPA\r\n" + c.heard; s.heard != want || s.err != nil || s.notes.Auth != c.auth {
			t.Errorf("%s: upstream heard %q, %v, auth %s\nwant %q, auth %s", c.name, s.heard, s.err, s.notes.Auth, want, c.auth)
		}
	}
	s := logIn(t, nil, greets+hasUser+"+OK\r\n+OK\r\n", withToken("a@b", "canary"))
	if reasonOf(t, s.err) != login.Unavailable || s.heard != "CAPA\r\n" || !strings.Contains(s.err.Error(), "XOAUTH2") {
		t.Errorf("a token where none is taken: upstream heard %q, %v", s.heard, s.err)
	}
}

func TestPOP3_ResponsesGoInALineOfTheirOwn(t *testing.T) {
	for _, size := range []int{1, 200, 300} {
		password := strings.Repeat("p", size)
		response := base64.StdEncoding.EncodeToString([]byte("\x00anna\x00" + password))
		s := logIn(t, nil, greets+hasSASL+"+ \r\n+OK\r\n", mechanisms("anna", password))
		if s.err != nil || s.heard != "CAPA\r\nAUTH PLAIN\r\n"+response+"\r\n" {
			t.Fatalf("a password of %d bytes: upstream heard %q, %v", len(password), s.heard, s.err)
		}
	}
	token := strings.Repeat("eyJ0", 4<<10)
	s := logIn(t, nil, greets+hasSASL+"+ \r\n+OK\r\n", withToken("a@b", token))
	response := base64.StdEncoding.EncodeToString([]byte("user=a@b\x01auth=Bearer " + token + "\x01\x01"))
	if s.err != nil || s.heard != "CAPA\r\nAUTH XOAUTH2\r\n"+response+"\r\n" {
		t.Errorf("a token of 16 KiB: upstream heard %d bytes, %v", len(s.heard), s.err)
	}
}

func TestPOP3_FormsThatTheUpstreamDoesNotKnow(t *testing.T) {
	const both = "+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
	used := func(form string) []sasl.Client {
		m := mechanisms("anna", "right")
		m[0].(*login.PasswordLogin).Form = form
		return m
	}
	const plain, user = "AUTH PLAIN\r\n", "USER anna\r\nPASS right\r\n"
	for _, c := range []struct {
		name, says, heard string
		mechs             []sasl.Client
		want              login.Reason
	}{
		{"as the device did", both + "+OK\r\n+OK\r\n", user, used("USER"), -1},
		{"AUTH LOGIN as the device did", both + "+ Name?\r\n+ Word?\r\n+OK\r\n", "AUTH LOGIN\r\nYW5uYQ==\r\ncmlnaHQ=\r\n",
			used("AUTH-LOGIN"), -1},
		{"a protocol error", both + "-ERR Protocol error. 19\r\n+OK\r\n+OK\r\n", plain + user, used("PLAIN"), -1},
		{"too many arguments", both + "-ERR Too many arguments\r\n+OK\r\n+OK\r\n", plain + user, used("PLAIN"), -1},
		{"no reason at all", both + "-ERR\r\n+OK\r\n+OK\r\n", plain + user, used("PLAIN"), -1},
		{"USER is switched off", both + "-ERR Plaintext authentication disallowed.\r\n+ \r\n+OK\r\n",
			"USER anna\r\nAUTH PLAIN\r\nAGFubmEAcmlnaHQ=\r\n", used("USER"), -1},
		{"no form at all", both + "-ERR unknown command\r\n-ERR unknown command\r\n-ERR unknown command\r\n",
			plain + "USER anna\r\nAUTH LOGIN\r\n", used("PLAIN"), login.Unavailable},
		{"USER is not announced, and AUTH is not known", "+OK\r\nSASL PLAIN\r\n.\r\n-ERR unknown command\r\n+OK\r\n+OK\r\n", plain + user,
			used("USER"), -1},
		{"an OK before it knew anything", both + "+OK\r\nPLAIN\r\n.\r\n", plain, used("PLAIN"), login.Unavailable},
		{"throttled", both + "-ERR too many connections\r\n+OK\r\n+OK\r\n", plain, used("PLAIN"), login.Unavailable},
		{"in use", both + "-ERR [IN-USE] locked\r\n+OK\r\n+OK\r\n", plain, used("PLAIN"), login.TooManySessions},
		{"a wrong password is tried once", both + "+ \r\n-ERR no\r\n+OK\r\n+OK\r\n", plain + "AGFubmEAcmlnaHQ=\r\n", used("PLAIN"),
			login.BadCredentials},
	} {
		s := logIn(t, nil, greets+c.says, c.mechs)
		if got := reasonOf(t, s.err); got != c.want || s.heard != "CAPA\r\n"+c.heard {
			t.Errorf("%s: reason %d, want %d (%v); upstream heard %q, want %q", c.name, got, c.want, s.err, s.heard, c.heard)
		}
	}
}

func TestPOP3_ChallengesAfterTheResponse(t *testing.T) {
	why := base64.StdEncoding.EncodeToString([]byte(`{"status":"400","schemes":"Bearer"}`))
	for _, c := range []struct {
		name, says, ends string
		mechs            []sasl.Client
		want             login.Reason
	}{
		{"a token's fault", "+ \r\n+ " + why + "\r\n-ERR Authentication failure\r\n", "", withToken("a@b", "t"), login.BadCredentials},
		{"PLAIN goes on", "+ \r\n+ bW9yZQ==\r\n-ERR cancelled\r\n", "\r\n\r\n", mechanisms("anna", "right"), login.BadCredentials},
		{"no base64", "+ \r\n+ !!!\r\n-ERR no\r\n", "\r\n\r\n", mechanisms("anna", "right"), login.BadCredentials},
		{"without a space", "+\r\n+OK\r\n", "", mechanisms("anna", "right"), -1},
	} {
		s := logIn(t, nil, greets+hasSASL+c.says, c.mechs)
		if got := reasonOf(t, s.err); got != c.want || !strings.HasSuffix(s.heard, c.ends) {
			t.Errorf("%s: reason %d, want %d; upstream heard %q, want %q at its end", c.name, got, c.want, s.heard, c.ends)
		}
	}
}

func TestPOP3_RememberedCapabilitiesSpareAQuestion(t *testing.T) {
	announced := &login.Announced{}
	if s := logIn(t, announced, greets+hasSASL+"+ \r\n+OK\r\n", mechanisms("anna", "right")); s.err != nil || !strings.HasPrefix(s.heard,
		"CAPA\r\n") {
		t.Fatalf("upstream heard %q, %v", s.heard, s.err)
	}
	for range 2 {
		s := logIn(t, announced, greets+"+ \r\n+OK\r\n", mechanisms("anna", "right"))
		if s.err != nil || strings.Contains(s.heard, "CAPA") || strings.Count(s.heard, "\r\n") != 2 {
			t.Errorf("upstream heard %q, %v, want the login alone", s.heard, s.err)
		}
	}
}

func TestPOP3_RefusalWithRememberedCapabilities(t *testing.T) {
	const bad = "+ \r\n-ERR Logon failure\r\n"
	for _, c := range []struct {
		name, says string
		want       login.Reason
		auths      int // how often a login was tried
		capa       bool
		remembers  bool
		saysLast   string
	}{
		{"still announced: one guess only", bad + hasSASL, login.BadCredentials, 1, true, true, "-ERR Logon failure"},
		{"USER only by now", bad + hasUser + "+OK\r\n+OK\r\n", -1, 2, true, true, ""},
		{"USER only by now, and the " +
			"password is wrong", bad + hasUser + "+OK\r\n-ERR [AUTH] no\r\n", login.BadCredentials, 2, true, true, "-ERR [AUTH] no"},
		{"closed after the refusal", bad, login.BadCredentials, 1, true, false, "-ERR Logon failure"},
		{"unavailable: not asked again", "-ERR [SYS/TEMP] later\r\n" + hasUser, login.Unavailable, 1, false, false, "-ERR [SYS/TEMP] later"},
		{"in use: not asked again", "-ERR [IN-USE] locked\r\n" + hasUser, login.TooManySessions, 1, false, false, "-ERR [IN-USE] locked"},
		{"accepted", "+ \r\n+OK\r\n", -1, 1, false, true, ""},
	} {
		announced := &login.Announced{}
		announced.Store([]string{"SASL PLAIN"})
		s := logIn(t, announced, greets+c.says, mechanisms("anna", "right"))
		auths := strings.Count(s.heard, "AUTH PLAIN") + strings.Count(s.heard, "PASS ")
		if got := reasonOf(t, s.err); got != c.want || auths != c.auths || strings.Contains(s.heard, "CAPA") != c.capa {
			t.Errorf("%s: reason %d, upstream heard %q (%v)", c.name, got, s.heard, s.err)
		}
		if c.capa && strings.Index(s.heard, "CAPA") < strings.Index(s.heard, "AUTH PLAIN") {
			t.Errorf("%s: CAPA came first: %q", c.name, s.heard)
		}
		if (announced.Load() != nil) != c.remembers {
			t.Errorf("%s: %q is remembered", c.name, announced.Load())
		}
		if c.want >= 0 && s.notes.Says != c.saysLast {
			t.Errorf("%s: upstream_says is %q, want %q", c.name, s.notes.Says, c.saysLast)
		}
	}
}

func TestPOP3_UpstreamSTLS(t *testing.T) {
	broken := errors.New("the certificate is not for mail.test")
	for _, c := range []struct {
		name, says string
		upgrade    func(context.Context, net.Conn) (net.Conn, error)
		want       string
	}{
		{"refused", greets + "-ERR not here\r\n", nil, "tls: implicit"},
		{"closed", greets, nil, "did not answer STLS"},
		{"handshake fails", greets + "+OK\r\n", func(context.Context, net.Conn) (net.Conn, error) { return nil, broken }, broken.Error()},
		{"injected", greets + "+OK\r\n+OK\r\n+OK\r\n", nil, "plain text"},
	} {
		up := saying([]byte(c.says))
		if c.upgrade == nil {
			c.upgrade = func(context.Context, net.Conn) (net.Conn, error) {
				t.Errorf("%s: TLS was started", c.name)
				return nil, broken
			}
		}
		err := logintest.LogIn(t.Context(), pop3login.NewUpstream(login.NewConn(up, login.ConnOptions{Upgrade: c.upgrade}),
			&login.UpstreamNotes{}), mechanisms("anna", "canary"))
		if reasonOf(t, err) != login.Unavailable || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if up.out.String() != "STLS\r\n" {
			t.Errorf("%s: upstream heard %q", c.name, up.out.String())
		}
	}
}

func TestPOP3_ProofOfTheMailbox(t *testing.T) {
	const in = greets + hasSASL + "+ \r\n+OK\r\n"
	for answer, want := range map[string]login.Reason{
		"+OK 0 0\r\n": -1,
		"-ERR Command is not valid in this state.\r\n": login.Unavailable,
		"-ERR [AUTH] whatever\r\n":                     login.Unavailable,
		"":                                             login.Unavailable,
	} {
		s := logIn(t, nil, in+answer, withToken("a@b", "t"))
		if s.err != nil {
			t.Fatal(s.err)
		}
		if got := reasonOf(t, s.half.ProveMailbox(t.Context())); got != want {
			t.Errorf("STAT answered %q: reason %d, want %d", answer, got, want)
		}
	}
	s := logIn(t, nil, greets+hasSASL+"+ \r\n+OK\r\n", mechanisms("anna", "right"))
	if err := s.half.ProveMailbox(t.Context()); err != nil || strings.Contains(s.heard, "STAT") {
		t.Errorf("after a password the upstream heard %q, %v", s.heard, err)
	}
}

func TestPOP3_UpstreamThatIsGoneIsUnavailable(t *testing.T) {
	for takes := range 2 {
		up := &gone{takes: takes}
		up.in.Reset([]byte(greets + hasUser + "+OK\r\n+OK\r\n"))
		err := logintest.LogIn(t.Context(), pop3login.NewUpstream(login.NewConn(up, login.ConnOptions{Secure: true}), &login.UpstreamNotes{}),
			mechanisms("anna", "right"))
		if reasonOf(t, err) != login.Unavailable || !strings.Contains(err.Error(), "did not answer") {
			t.Errorf("after %d writes: %v", takes, err)
		}
	}
}
