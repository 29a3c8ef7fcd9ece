package imaplogin

import (
	"maps"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// commandOf is the command that a device's lines make; literals stand between them.
func commandOf(line string, literals ...literal) (command, *login.Notes) {
	n := &login.Notes{}
	c := (&device{notes: n}).parseCommand(line)
	c.literals = literals
	return c, n
}

func TestIMAP_LoginArguments(t *testing.T) {
	for _, c := range []struct {
		args           string
		literals       []literal
		name, password string
		quirks         string // "-": it is a bad command
	}{
		{args: ` anna 12345678`, name: "anna", password: "12345678"},
		{args: ` "anna" "pass word"`, name: "anna", password: "pass word"},
		{args: ` anna@contoso.com "a\"b\\c"`, name: "anna@contoso.com", password: `a"b\c`},
		{args: ` anna "pässwörd"`, name: "anna", password: "pässwörd"},
		{args: ` "" ""`},
		{args: ` "CONTOSO\anna" "x"`, name: `CONTOSO\anna`, password: "x", quirks: "backslash_in_quoted"},
		{args: ` "anna" "x\`, quirks: "-"},
		{args: ` CONTOSO\anna x`, name: `CONTOSO\anna`, password: "x", quirks: "unquoted_specials"},
		{args: ` anna 100%(*)`, name: "anna", password: "100%(*)", quirks: "unquoted_specials"},
		{args: ` anna two words`, name: "anna", password: "two words", quirks: "space_in_password"},
		{args: `   anna   secret  `, name: "anna", password: "secret", quirks: "extra_spaces"},
		{args: ` "anna" "secret" `, name: "anna", password: "secret", quirks: "extra_spaces"},
		{args: ` anna`, quirks: "-"},
		{args: ` anna `, quirks: "-"},
		{args: ``, quirks: "-"},
		{args: ` "anna" "secret" more`, quirks: "-"},
		{args: ` "anna"x`, quirks: "-"},
		{args: ` "anna secret`, quirks: "-"},
		{args: ` `, literals: []literal{{"anna", " "}, {"x y", ""}}, name: "anna", password: "x y"},
		{args: ` `, literals: []literal{{"anna", ` "x y"`}}, name: "anna", password: "x y"},
		{args: ` anna `, literals: []literal{{"x\"y", ""}}, name: "anna", password: `x"y`},
		{args: ` `, literals: []literal{{"anna x y", ""}}, name: "anna", password: "x y", quirks: "both_in_one_literal"},
		{args: ` `, literals: []literal{{"anna", ""}}, quirks: "-"},
		{args: ` `, literals: []literal{{"anna", "x"}}, quirks: "-"},
		{args: ` anna `, literals: []literal{{"x", " y"}}, quirks: "-"},
		{args: ` anna x `, literals: []literal{{"y", ""}}, quirks: "-"},
	} {
		command, n := commandOf("1 LOGIN"+c.args, c.literals...)
		name, password, ok := loginArguments(command.scan(n.Quirk))
		if c.quirks == "-" {
			if ok {
				t.Errorf("%q %v: got %q and %q, want a bad command", c.args, c.literals, name, password)
			}
			continue
		}
		if !ok || name != c.name || password != c.password || strings.Join(n.Quirks, " ") != c.quirks {
			t.Errorf("%q %v: got %q, %q, %t, quirks %v, want %q, "+
				"%q, quirks %s", c.args, c.literals, name, password, ok, n.Quirks, c.name, c.password, c.quirks)
		}
	}
}

func TestIMAP_IDArguments(t *testing.T) {
	for _, c := range []struct {
		args     string
		literals []literal
		want     map[string]string
		ok       bool
	}{
		{args: ` NIL`, ok: true},
		{args: ` nil`, ok: true},
		{args: ` ()`, ok: true},
		{args: ` ("name" "Fax" "version" "1.0")`, want: map[string]string{"name": "Fax", "version": "1.0"}, ok: true},
		{args: ` ( "name"  "Fax" )`, want: map[string]string{"name": "Fax"}, ok: true},
		{args: ` ("name" NIL "os" "VxWorks")`, want: map[string]string{"os": "VxWorks"}, ok: true},
		{args: ` (name Fax os VxWorks)`, want: map[string]string{"name": "Fax", "os": "VxWorks"}, ok: true},
		{args: ` ("name" `, literals: []literal{{"Fax (2)", ")"}}, want: map[string]string{"name": "Fax (2)"}, ok: true},
		{args: ` ("name")`},
		{args: ` ("name" "Fax"`},
		{args: ` (name Fax`},
		{args: ` "name" "Fax"`},
		{args: ``},
	} {
		command, n := commandOf("1 ID"+c.args, c.literals...)
		got, ok := idArguments(command.scan(n.Quirk))
		if ok != c.ok || ok && !maps.Equal(got, c.want) {
			t.Errorf("%q: got %v, %t, want %v, %t", c.args, got, ok, c.want, c.ok)
		}
	}
}

func TestIMAP_CommandLines(t *testing.T) {
	long := strings.Repeat("t", maxTag+1)
	for _, c := range []struct{ line, tag, word, args, quirks string }{
		{"a1 login x y", "a1", "LOGIN", " x y", ""},
		{"a1 NOOP", "a1", "NOOP", "", ""},
		{". NOOP ", ".", "NOOP", " ", ""},
		{"  a1  NOOP", "a1", "NOOP", "", "extra_spaces"},
		{"NOOP", "NOOP", "", "", ""},
		{"", untagged, "", "", ""},
		{`a"1 NOOP`, untagged, "NOOP", "", ""},
		{"+ NOOP", untagged, "NOOP", "", ""},
		{"a\r1 NOOP", untagged, "NOOP", "", ""},
		{"ä NOOP", untagged, "NOOP", "", ""},
		{long + " NOOP", untagged, "NOOP", "", ""},
	} {
		got, n := commandOf(c.line)
		if got.tag != c.tag || got.word != c.word || got.args != c.args || strings.Join(n.Quirks, " ") != c.quirks {
			t.Errorf("%q: got %+v %v, want %+v", c.line, got, n.Quirks, c)
		}
	}
}

func TestIMAP_LiteralAnnouncements(t *testing.T) {
	for _, c := range []struct {
		line, text   string
		n            int
		waits, found bool
	}{
		{" {5}", " ", 5, true, true},
		{" anna {5+}", " anna ", 5, false, true},
		{"({0}", "(", 0, true, true},
		{" {4097}", " ", 4097, true, true},
		{" {99999999999999999999+}", " ", 4097, false, true},
		{" {}", " {}", 0, false, false},
		{" {+}", " {+}", 0, false, false},
		{" {-1}", " {-1}", 0, false, false},
		{" pass{5}", " pass{5}", 0, false, false},
		{"{5}", "{5}", 0, false, false},
		{" {5} ", " {5} ", 0, false, false},
		{"}", "}", 0, false, false},
	} {
		text, n, waits, found := cutLiteral(c.line)
		if text != c.text || n != c.n || waits != c.waits || found != c.found {
			t.Errorf("%q: got %q, %d, waits %t, found %t, want %+v", c.line, text, n, waits, found, c)
		}
	}
}

func TestIMAP_AnswersToALogin(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   login.Reason
	}{
		{"NO [AUTHENTICATIONFAILED] Authentication failed.", login.BadCredentials},
		{"no [authenticationfailed]", login.BadCredentials},
		{"NO LOGIN failed.", login.BadCredentials},
		{"NO AUTHENTICATE failed.", login.BadCredentials},
		{"NO LOGIN failed. Account is blocked. Login to your account via a web browser to verify your identity.", login.Unavailable},
		{"NO wrong [bracket] at the end [UwBJADIA]", login.BadCredentials},
		{"NO", login.BadCredentials},
		{"NO Basic authentication is disabled.", login.Unavailable},
		{"NO basic authentication is DISABLED", login.Unavailable},
		{"NO Server Unavailable. 15", login.Unavailable},
		{"NO Request is throttled. Suggested Backoff Time: 299609 milliseconds", login.Unavailable},
		{"NO [INUSE] Maximum number of connections", login.TooManySessions},
		{"NO [IN-USE] Maximum number of connections", login.TooManySessions},
		{"NO [LIMIT] too many", login.TooManySessions},
		{"NO [UNAVAILABLE] Temporary authentication failure.", login.Unavailable},
		{"NO [AUTHORIZATIONFAILED] no", login.Unavailable},
		{"NO [PRIVACYREQUIRED] no", login.Unavailable},
		{"NO [ALERT] Web login required", login.Unavailable},
		{"NO [WEBALERT https://example.com/x] Web login required", login.Unavailable},
		{"BAD [AUTHENTICATIONFAILED] odd", login.Unavailable},
		{"BAD Request is throttled.", login.Unavailable},
		{"BYE", login.Unavailable},
		{"", login.Unavailable},
	} {
		a := taggedAnswer{status: parseStatus(c.answer), sent: true}
		for _, m := range []login.Method{{Name: "XOAUTH2"}, {Name: "LOGIN", Password: login.NewPasswordLogin("a", secret.New("b"))}} {
			if r, _ := login.Judge(a.answer(), m); r.Reason != c.want || r.Error() == "" {
				t.Errorf("%q: the refusal is %d %q, want %d and a sentence", c.answer, r.Reason, r.Error(), c.want)
			}
		}
	}
}

func TestIMAP_StatusResponses(t *testing.T) {
	s := parseStatus("OK [CAPABILITY IMAP4rev1 IDLE] in")
	if s.Type != imap.StatusResponseTypeOK || s.Code != "CAPABILITY" || s.args != "IMAP4rev1 IDLE" || s.Text != "in" {
		t.Errorf("got %+v", s)
	}
	if s := parseStatus("OK [unclosed"); s.Code != "" || s.Text != "[unclosed" {
		t.Errorf("got %+v, want no code", s)
	}
}

func TestIMAP_Quoting(t *testing.T) {
	for _, c := range []struct {
		s        string
		quotable bool
		quoted   string
	}{
		{"anna", true, `"anna"`},
		{"", true, `""`},
		{`a"b\c`, true, `"a\"b\\c"`},
		{"tab\tx", true, "\"tab\tx\""},
		{"pä", false, ""},
		{"\xff", false, ""},
		{"a\nb", false, ""},
		{"a\x00b", false, ""},
	} {
		if got := quotable(c.s); got != c.quotable {
			t.Errorf("%q: quotable %t, want %t", c.s, got, c.quotable)
		}
		if c.quotable && quote(c.s) != c.quoted {
			t.Errorf("%q: got %s, want %s", c.s, quote(c.s), c.quoted)
		}
	}
	for _, c := range []struct {
		capability string
		length     int
		want       bool
	}{{"LITERAL+", 9000, true}, {"literal-", 4096, true}, {"LITERAL-", 4097, false}, {"IDLE", 1, false}} {
		if got := atOnce(strings.Repeat("ä", c.length/2)+strings.Repeat("x", c.length%2), []string{c.capability}); got != c.want {
			t.Errorf("%s, %d bytes: got %t, want %t", c.capability, c.length, got, c.want)
		}
	}
}
