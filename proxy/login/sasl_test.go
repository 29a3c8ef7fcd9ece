package login_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// kindOf says what an error of a SASL message is: none, a bad command, or a refused login.
func kindOf(err error) string {
	var r *login.Refusal
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, login.ErrMalformed):
		return "malformed"
	case errors.As(err, &r) && r.Reason == login.BadCredentials:
		return "bad credentials"
	}
	return err.Error()
}

func TestSASL_Decode(t *testing.T) {
	for _, c := range []struct{ line, want, kind string }{
		{"AGFubmEAcmlnaHQ=", "\x00anna\x00right", "ok"},
		{"AGFubmEAcmlnaHQ", "\x00anna\x00right", "ok"}, // no padding
		{"=", "", "ok"},
		{"", "", "ok"},
		{"/+8=", "\xff\xef", "ok"},
		{"_-8=", "", "malformed"}, // the alphabet of URLs
		{"AGFub", "", "malformed"},
		{"not base64!", "", "malformed"},
		{"AGFubmEAcmlnaHQ==", "", "malformed"},
		{"*", "", "malformed"},
	} {
		got, err := login.DecodeSASL(c.line)
		if string(got) != c.want || kindOf(err) != c.kind {
			t.Errorf("%q: got %q, %s, want %q, %s", c.line, got, kindOf(err), c.want, c.kind)
		}
	}
}

func TestSASL_Plain(t *testing.T) {
	for _, c := range []struct{ message, account, password, kind string }{
		{"\x00anna\x00right", "anna", "right", "ok"},
		{"anna\x00anna\x00right", "anna", "right", "ok"},
		{"\x00CONTOSO\\scanner 1\x00p ss", "CONTOSO\\scanner 1", "p ss", "ok"},
		{"\x00anna\x00p\xe4ss w\xc3\xb6rd", "anna", "p\xe4ss w\xc3\xb6rd", "ok"}, // 8-bit is refused in names, not in passwords
		{"berta\x00anna\x00right", "anna", "right", "bad credentials"},
		{"Anna\x00anna\x00right", "anna", "right", "bad credentials"},
		{"\x00ann\xc3\xa4\x00right", "ann\xc3\xa4", "right", "bad credentials"},
		{"\x00anna\xff\x00right", "anna\xff", "right", "bad credentials"},
		{"\x00an\r\nna\x00right", "an\r\nna", "right", "bad credentials"},
		{"\x00anna\x7f\x00right", "anna\x7f", "right", "bad credentials"},
		{"\x00anna\x00ri\r\nDELE 1", "anna", "ri\r\nDELE 1", "bad credentials"},
		{"\x00\x00right", "", "right", "bad credentials"},
		{"\x00anna\x00", "anna", "", "bad credentials"},
		{"", "", "", "malformed"},
		{"anna\x00right", "", "", "malformed"},
		{"\x00anna\x00ri\x00ght", "", "", "malformed"},
	} {
		got, err := login.PlainCredentials([]byte(c.message))
		if got.Account != c.account || got.Password.Reveal() != c.password || kindOf(err) != c.kind || c.kind == "ok" &&
			got.Mechanism != login.MechanismPlain {
			t.Errorf("%q: got %q %q, %s, want %q %q, %s", c.message, got.Account, got.Password.Reveal(), kindOf(err), c.account, c.password, c.kind)
		}
	}
}

func TestSASL_Token(t *testing.T) {
	long := strings.Repeat("eyJ0", 4096)
	for _, c := range []struct{ message, account, token, kind string }{
		{"user=scans@contoso.com\x01auth=Bearer eyJ0\x01\x01", "scans@contoso.com", "eyJ0", "ok"},
		{"USER=a@b\x01AUTH=bearer t\x01\x01", "a@b", "t", "ok"},
		{"auth=Bearer t\x01user=a@b\x01\x01", "a@b", "t", "ok"},
		{"user=a@b\x01auth=Bearer " + long + "\x01\x01", "a@b", long, "ok"},
		{"user=a@b\x01auth=Bearer t\x01", "a@b", "t", "ok"},
		{"user=a@b\x01host=x\x01auth=Bearer t\x01\x01", "a@b", "t", "ok"},
		{"user=a=b@c\x01auth=Bearer t==\x01\x01", "a=b@c", "t==", "ok"},
		{"user=a@b\x01auth=Basic t\x01\x01", "a@b", "", "malformed"},
		{"user=a@b\x01auth=Bearer \x01\x01", "a@b", "", "malformed"},
		{"user=a@b\x01\x01", "a@b", "", "malformed"},
		{"auth=Bearer t\x01\x01", "", "t", "malformed"},
		{"", "", "", "malformed"},
		{"user=\xc3\xa4@b\x01auth=Bearer t\x01\x01", "\xc3\xa4@b", "t", "bad credentials"},
		{"user=a\r\nb\x01auth=Bearer t\x01\x01", "a\r\nb", "t", "bad credentials"},
		{"user=a@b\x01auth=Bearer t\r\nX\x01\x01", "a@b", "t\r\nX", "bad credentials"},
	} {
		got, err := login.TokenCredentials([]byte(c.message))
		if got.Account != c.account || got.Password.Reveal() != c.token || kindOf(err) != c.kind || !got.Token() {
			t.Errorf("%.60q: got %q %.20q, %s, "+
				"want %q %.20q, %s", c.message, got.Account, got.Password.Reveal(), kindOf(err), c.account, c.token, c.kind)
		}
	}
}

func TestSASL_RefusalsSayWhatToDo(t *testing.T) {
	for says, c := range map[string]login.Credentials{
		"without a name":     {Password: secret.New("x")},
		"without a password": {Account: "anna"},
		"the name -":         {Account: "-", Password: secret.New("x")},
		"not known":          {Account: " - ", Password: secret.New("x"), Mechanism: login.MechanismXOAUTH2},
		"printable ASCII":    {Account: "ännä", Password: secret.New("x")},
		"control characters": {Account: "anna", Password: secret.New("canary\n")},
		"password has":       {Account: "anna", Password: secret.New("canary\x01"), Mechanism: login.MechanismXOAUTH2},
	} {
		err := login.CheckCredentials(c)
		if kindOf(err) != "bad credentials" || !strings.Contains(fmt.Sprint(err), says) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: got %v", says, err)
		}
	}
	if err := login.CheckCredentials(login.Credentials{Account: "-@contoso.com", Password: secret.New("x")}); err != nil {
		t.Errorf("a name that only begins so: %v", err)
	}
	if err := login.CheckCredentials(login.Credentials{Account: "anna", Password: secret.New("\x01\t \x7f")}); err != nil {
		t.Errorf("a password that is odd but can be sent: %v", err)
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	s := secret.New("canary")
	c := login.Credentials{Account: "anna", Password: s}
	text, _ := json.Marshal(c)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %q %s %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", c,
		c, c), fmt.Sprintf("%v %+v", &c, &s), string(text), s.String()} {
		if strings.Contains(shown, "canary") || strings.Contains(shown, "63616e617279") || !strings.Contains(shown, "[redacted]") {
			t.Errorf("a secret shows as %s", shown)
		}
	}
	if s.Reveal() != "canary" || s.Empty() || !secret.New("").Empty() {
		t.Error("a secret does not hold what it was made of")
	}
}

func TestPasswordLogin_IsPLAINWithAnEmptyIdentity(t *testing.T) {
	name, initial, err := login.NewPasswordLogin("anna", secret.New("right")).Start()
	if name != "PLAIN" || string(initial) != "\x00anna\x00right" || err != nil {
		t.Errorf("got %s %q, %v", name, initial, err)
	}
}

func TestRefusal_TellsTheRecordAndNotTheDevice(t *testing.T) {
	cause := errors.New("cause")
	r := login.Refuse(login.Unavailable, "dialling: %w", cause)
	if r.Error() != "dialling: cause" || !errors.Is(r, cause) || r.Text != "" {
		t.Errorf("got %q, text %q", r, r.Text)
	}
	if got := (&login.Refusal{Reason: login.Busy}).Error(); got != "refused" {
		t.Errorf("without a cause it reads %q", got)
	}
}

func TestNotes_EachQuirkOnceInTheOrderSeen(t *testing.T) {
	n := &login.Notes{}
	for _, q := range []string{login.QuirkBareLF, login.QuirkSpokeFirst, login.QuirkBareLF} {
		n.Quirk(q)
	}
	if fmt.Sprint(n.Quirks) != "[bare_lf spoke_first]" {
		t.Errorf("got %q", n.Quirks)
	}
}

func TestFrontEnd_OfAnExchangeGreeting(t *testing.T) {
	utf16 := func(s string) string {
		var b []byte
		for _, c := range []byte(s) {
			b = append(b, c, 0)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	name := "XX0PR01CA0001.EXAMPLE.PROD.OUTLOOK.COM"
	for greeting, want := range map[string]string{
		"+OK The Microsoft Exchange POP3 service is ready. [" + utf16(name) + "]":                       name,
		"* OK Microsoft Exchange IMAP4 service ready. 0-0 (tcpproxy/15.21 [x]) [" + utf16(name) + "]\t": name,
		"+OK The Microsoft Exchange POP3 service is ready. []":                                          "",
		"+OK Dovecot ready.":                "",
		"* OK [CAPABILITY IMAP4rev1] ready": "",
		"+OK [QQ==]":                        "", // half a character
		"+OK [" + base64.StdEncoding.EncodeToString([]byte("a\x00\x1b\x00")) + "]":        "",
		"+OK [" + base64.StdEncoding.EncodeToString([]byte{0x3d, 0xd8, 0x00, 0xde}) + "]": "", // an emoji
		"] [": "",
		"":    "",
	} {
		if got := login.FrontEnd(greeting); got != want {
			t.Errorf("%q: got %q, want %q", greeting, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"\x00anna\x00right", "a\x00a\x00b", "", "\x00\x00", "\x00\xff\x00x", "\x00a\x00\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		c, err := login.PlainCredentials(message)
		if kind := kindOf(err); kind != "ok" {
			if kind != "malformed" && kind != "bad credentials" {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if strings.ContainsAny(c.Account+c.Password.Reveal(), "\x00\r\n") || c.Account == "" || c.Password.Empty() {
			t.Fatalf("credentials that must not go up: %q %q", c.Account, c.Password.Reveal())
		}
		if tail := c.Account + "\x00" + c.Password.Reveal(); !strings.HasSuffix(string(message), tail) {
			t.Fatalf("%q was read as %q", message, tail)
		}
	})
}

func FuzzXOAUTH2(f *testing.F) {
	for _, s := range []string{"user=a@b\x01auth=Bearer t\x01\x01", "auth=Bearer t\x01user=a\x01\x01", "", "user=\x01auth=\x01",
		"user=a\x01auth=Bearer a\rb\x01\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		c, err := login.TokenCredentials(message)
		if kind := kindOf(err); kind != "ok" {
			if kind != "malformed" && kind != "bad credentials" {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if strings.ContainsAny(c.Account+c.Password.Reveal(), "\x00\x01\r\n") || c.Account == "" || c.Password.Empty() || !c.Token() {
			t.Fatalf("credentials that must not go up: %q %q", c.Account, c.Password.Reveal())
		}
	})
}

func FuzzFrontEnd(f *testing.F) {
	f.Add("+OK [QQBCAA==]")
	f.Add("][")
	f.Fuzz(func(t *testing.T, greeting string) {
		if name := login.FrontEnd(greeting); strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("a name that is not printable: %q", name)
		}
	})
}
