package inventory_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"drawbridge/inventory"
)

const password = `Pa"ss\w+ö 1`

func TestRedact(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00scanner1\x00" + password))
	xoauth2 := base64.StdEncoding.EncodeToString([]byte("user=a@contoso.com\x01auth=Bearer tok.en-123\x01\x01"))
	jwt := "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJvdXRsb29rIn0.c2ln"
	for _, tt := range []struct{ name, line, want string }{
		{"nothing", "NO LOGIN failed.", "NO LOGIN failed."},
		{"plain", "NO " + password + "?", "NO [redacted]?"},
		{"twice", password + password + "x" + password, "[redacted]x[redacted]"},
		{"in capitals", "BAD " + strings.ToUpper(`Pa"ss\w+`) + "ö 1 unknown", "BAD [redacted] unknown"},
		{"quoted", `NO LOGIN "x" "Pa\"ss\\w+ö 1" failed`, `NO LOGIN "x" "[redacted]" failed`},
		{"query", "NO p=" + url.QueryEscape(password) + "&x", "NO p=[redacted]&x"},
		{"path", "NO /" + url.PathEscape(password) + "/x", "NO /[redacted]/x"},
		{"percent in small letters", "NO %50a%22ss%5cw%2b%c3%b6%201", "NO [redacted]"},
		{"base64", "NO " + base64.StdEncoding.EncodeToString([]byte(password)) + " no", "NO [redacted] no"},
		{"SASL PLAIN", "NO " + plain + " no", "NO [redacted] no"},
		{"SASL PLAIN in capitals", "NO " + strings.ToUpper(plain) + " no", "NO [redacted] no"},
		{"SASL PLAIN behind a slash", "NO AUTH/" + plain + " no", "NO [redacted] no"},
		{"XOAUTH2", "-ERR " + xoauth2, "-ERR [redacted]"},
		{"a token", "NO tok.en-123.", "NO [redacted]."},
		{"a token nobody named", "NO Bearer " + jwt + " bad", "NO Bearer [redacted] bad"},
		{"a long run nobody named", "NO " + strings.Repeat("Ab1", 50) + " x", "NO [redacted] x"},
		{"a server's name", "* BYE [QkwxUFIxM0NBMDAwMy5OQU1QUkQxMy5QUk9ELk9VVExPT0suQ09N]",
			"* BYE [QkwxUFIxM0NBMDAwMy5OQU1QUkQxMy5QUk9ELk9VVExPT0suQ09N]"},
		{"broken escapes", `100% %zz %2 \`, `100% %zz %2 \`},
		{"a line of an Exchange", "* BYE Session invalidated - AccessTokenExpired",
			"* BYE Session invalidated - AccessTokenExpired"},
	} {
		if got := inventory.Redact(tt.line, "", password, "tok.en-123"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRedact_EachAlignment(t *testing.T) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for _, before := range []string{"", "a", "ab", "abc"} {
			for _, after := range []string{"", "y", "yz"} {
				encoded := encoding.EncodeToString([]byte(before + "??>>sec" + after))
				if got := inventory.Redact("x "+encoded+" y", "??>>sec"); got != "x [redacted] y" {
					t.Errorf("%q: got %q", encoded, got)
				}
			}
		}
	}
}

func TestRedact_ShortSecretTakesTheLine(t *testing.T) {
	if got := inventory.Redact("NO try 12 again", "12"); got != "[redacted]" {
		t.Errorf("got %q, want the whole line redacted", got)
	}
	if got := inventory.Redact("NO MTI= again", "12"); got != "NO [redacted] again" {
		t.Errorf("got %q, want the base64 redacted", got)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("NO LOGIN failed for hunter2", "hunter2", "user")
	f.Add(`NO "a\"b"`, `a"b`, "")
	f.Add("aaaaaaaaa", "aaaa", "x")
	f.Add("%41%42CD", "ABcd", "\x00")
	f.Add("", "a", "b")
	f.Fuzz(func(t *testing.T, line, secret, name string) {
		if secret == "" || strings.Contains("[redacted]", strings.ToLower(secret)) {
			return
		}
		sasl := "\x00" + name + "\x00" + secret
		forms := []string{
			base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.RawURLEncoding.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(sasl)),
			url.QueryEscape(secret),
			url.PathEscape(secret),
			`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret) + `"`,
			secret,
		}
		for _, form := range forms {
			checkRedacted(t, line+" "+form+" "+line, secret, forms[:3])
		}
		checkRedacted(t, line+secret+line, secret, forms[:3])
	})
}

// checkRedacted fails if what is left of line beside the redacted places holds secret, or one of its encodings, which
// are not looked at where they are too short to mean anything.
func checkRedacted(t *testing.T, line, secret string, encodings []string) {
	t.Helper()
	got := inventory.Redact(line, secret)
	for part := range strings.SplitSeq(got, "[redacted]") {
		if strings.Contains(part, secret) {
			t.Fatalf("%q of %q survives in %q", secret, line, got)
		}
		for _, e := range encodings {
			if strings.Contains(part, e) {
				t.Fatalf("%q, which encodes %q, of %q survives in %q", e, secret, line, got)
			}
		}
	}
	if !strings.Contains(got, "[redacted]") {
		t.Fatalf("nothing of %q was redacted in %q", secret, line)
	}
}

func BenchmarkRedact(b *testing.B) {
	token := strings.Repeat("eyJhbGciOi", 200)
	b.ReportAllocs()
	for b.Loop() {
		inventory.Redact("NO [UNAVAILABLE] Request is throttled. Suggested Backoff Time: 89117 milliseconds", "hunter2", token)
	}
}
