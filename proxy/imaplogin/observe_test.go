package imaplogin_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"drawbridge/proxy/login"
)

const bye = "* BYE Session invalidated - AccessTokenExpired"

func TestIMAP_LastWordsOfASession(t *testing.T) {
	mail := "Subject: x\r\n\r\n* BYE my secret\r\n"
	literal := fmt.Sprintf("{%d}\r\n%s", len(mail), mail)
	for _, c := range []struct {
		name, device, upstream string
		loggedOut              bool
		says                   string
	}{
		{"logout", "4 NOOP\r\n5 LOGOUT\r\n", "* BYE off\r\n5 OK done\r\n", true, ""},
		{"logout without an answer", "5 LOGOUT\r\n", "* BYE off\r\n", true, ""},
		{"logout in lower case", "5 logout\n", "", true, ""},
		{"half a line", "5 LOGOUT", "* BYE x", false, ""},
		{"token ran out", "5 IDLE\r\n", "* 3 EXISTS\r\n" + bye + "\r\n", false, bye},
		{"in lower case", "5 IDLE\r\n", "* bye bye\r\n", false, "* bye bye"},
		{"more behind it", "5 IDLE\r\n", bye + "\r\n5 OK after all\r\n", false, ""},
		{"half a line behind it", "5 IDLE\r\n", bye + "\r\n5 O", false, ""},
		{"a mail that ends like one", "x LOGOUT now\r\n", "x NO\r\n", false, ""},
		{"the device is in a literal", "5 FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] " + literal, false, ""},
		{"a longer literal", "5 FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {999}\r\n" + mail, false, ""},
		{"behind a literal", "5 FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] " + literal + ")\r\n5 OK done\r\n" + bye + "\r\n", false, bye},
		{"literals in a row", "", "* 1 FETCH (BODY[1] " + literal + " BODY[2] " + literal + ")\r\n" + bye + "\r\n", false, bye},
		{"an empty literal", "", "* 1 FETCH (BODY[] {0}\r\n)\r\n" + bye + "\r\n", false, bye},
		{"a BYE behind an empty literal", "", "* 1 FETCH (BODY[] {0}\r\n* BYE x\r\n", false, ""},
		{"literal8", "", "* 1 FETCH (BINARY[1] ~" + literal + ")\r\n" + bye + "\r\n", false, bye},
		{"in a literal8", "", "* 1 FETCH (BINARY[1] ~" + literal, false, ""},
		{"a literal in a list", "", "* LIST () \"/\" {4}\r\na\r\nb\r\n" + bye + "\r\n", false, bye},
		{"a literal among header fields", "", "* 1 FETCH (BODY[HEADER.FIELDS ({4}\r\nDate)] " + literal + ")\r\n" + bye + "\r\n", false, bye},
		{"{n+}, which no upstream may say", "", "* 1 FETCH (BODY[] {40+}\r\n" + mail, false, ""},
		{"a brace that is no literal", "", "* 1 FETCH (BODY[] {x}\r\n" + mail, false, ""},
		{"a number beyond all bounds", "", "* 1 FETCH (BODY[] {" + strings.Repeat("9", 40) + "}\r\n" + mail, false, ""},
		{"a literal in quotes is none", "", "* 1 FETCH (ENVELOPE (\"a {7}\" \"\\\"{8}\"))\r\n" + bye + "\r\n", false, bye},
		{"a BYE in quotes", "", "* LIST () \"/\" \"x * BYE y\"\r\n", false, ""},
		{"quotes that do not end in their line", "", "* LIST () \"/\" \"x\r\n* BYE y\r\n", false, ""},
		{"quotes in a text", "", "* OK it says \"hello\r\n" + bye + "\r\n", false, bye},
		{"a text that ends like a literal", "", "* OK see {9}\r\n" + bye + "\r\n", false, ""},
		{"a continuation", "", "+ idling\r\n+\r\n" + bye + "\r\n", false, bye},
		{"a bare line feed", "", "* 1 EXISTS\n" + bye + "\r\n", false, ""},
		{"a BYE with a bare line feed", "", "* 1 EXISTS\r\n" + bye + "\n", false, ""},
		{"content where a response should be", "", "Dear Sir\r\n" + bye + "\r\n", false, ""},
		{"an untagged line without a word", "", "* (x)\r\n" + bye + "\r\n", false, ""},
		{"compression", "5 compress DEFLATE\r\n", "5 OK\r\n" + bye + "\r\n", false, ""},
		{"a line that is too long", "", bye + strings.Repeat("x", login.MaxLast) + "\r\n", false, ""},
		{"nothing", "", "", false, ""},
	} {
		for pieces := range 12 {
			l, _, n := deviceLogin("")
			o := l.(login.Observer)
			inPieces(c.device, pieces, o.FromDevice)
			inPieces(c.upstream, pieces, o.FromUpstream)
			if said := o.Last(pieces%2 == 0); n.LoggedOut != c.loggedOut || said != c.says {
				t.Errorf("%s, in pieces (%d): got %t %q, want %t %q", c.name, pieces, n.LoggedOut, said, c.loggedOut, c.says)
			}
		}
	}
}

// inPieces shows text whole, byte by byte, or in pieces of random sizes.
func inPieces(text string, seed int, show func([]byte)) {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for p := []byte(text); len(p) > 0; {
		n := len(p)
		switch {
		case seed == 1:
			n = 1
		case seed > 1:
			n = 1 + random.IntN(n)
		}
		show(p[:n:n])
		p = p[n:]
	}
}

// FuzzObserver lets an upstream send any content in a literal: no line of it is told, whatever it looks like.
func FuzzObserver(f *testing.F) {
	f.Add("* BYE x\r\n", "* BYE y\r\n", 2)
	f.Add("{5}\r\n", "\r\n)\r\n* BYE ", 3)
	f.Fuzz(func(t *testing.T, content, rest string, seed int) {
		l, _, _ := deviceLogin("")
		o := l.(login.Observer)
		stream := fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s", len(content)+len(rest)+1, content+rest)
		inPieces(stream, max(seed, 0), o.FromUpstream)
		if said := o.Last(true); said != "" {
			t.Errorf("told %q", said)
		}
	})
}
