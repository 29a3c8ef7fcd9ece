package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestJWS_SignedIsReadBack(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	want := claims{Audience: audience{"a", "b"}, Issuer: "i", Expires: 7, Roles: []string{"r"}}
	token, err := signRS256(key, joseHeader{KeyID: "k"}, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseJWS(token)
	if err != nil || !reflect.DeepEqual(got.claims, want) || got.header.KeyID != "k" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := got.verify(&key.PublicKey); err != nil {
		t.Error(err)
	}
	got.input = append(got.input, 'x')
	if err := got.verify(&key.PublicKey); err != errSignature {
		t.Errorf("got %v, want %v", err, errSignature)
	}
	for _, c := range []struct {
		at, leeway time.Duration
		err        error
	}{{-1, 0, nil}, {0, 0, errNotInTime}, {0, time.Second, nil}, {time.Second, time.Second, errNotInTime}} {
		if err := want.inTime(time.Unix(7, 0).Add(c.at), c.leeway); err != c.err {
			t.Errorf("%v after its end, leeway %v: got %v", c.at, c.leeway, err)
		}
	}
	if _, err := signRS256(key, joseHeader{}, make(chan int)); err == nil {
		t.Error("claims that are no JSON were signed")
	}
	if _, err := parseJWS(strings.Repeat("x", maxToken) + ".."); err != errNoJWS {
		t.Errorf("got %v", err)
	}
}

func FuzzParseJWS(f *testing.F) {
	f.Add("e30.e30.")
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsiYSIsImIiXX0.AAAA")
	f.Add("eyJhbGciOiJub25lIn0.eyJhdWQiOiJhIn0.")
	f.Add("..")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		s, err := parseJWS(token)
		if err != nil {
			return
		}
		if s.verify(&key.PublicKey) == nil {
			t.Errorf("%q is signed by a key that nobody has", token)
		}
		if !strings.HasPrefix(token, string(s.input)) {
			t.Errorf("%q: the signature is over %q", token, s.input)
		}
	})
}

// A size is another in whatever pieces its line comes; all else passes byte for byte.
func TestFilter_EstimatesInAnyPieces(t *testing.T) {
	said := "* 2 EXISTS\r\n* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 1000 BODY[] {24}\r\n* 1 FETCH (RFC822.SIZE 9 RFC822.SIZE 5)\r\n" +
		"* 2 FETCH (RFC822.SIZE 7)\r\n" +
		"* 3 FETCH (ENVELOPE (\"RFC822.SIZE 7\"))\r\n* 4 FETCH (RFC822.SIZE x)\r\n* 5 FETCH (FLAGS (" + strings.Repeat("x", maxRewritten) +
		") RFC822.SIZE 7)\r\n"
	want := strings.Replace(strings.Replace(said, "SIZE 1000", "SIZE 968", 1), "* 2 FETCH (RFC822.SIZE 7)", "* 2 FETCH (RFC822.SIZE 14)", 1)
	for size := 1; size < 130; size++ {
		var got bytes.Buffer
		filter := &filter{out: &got, rewrite: func(line []byte) []byte { return line }, data: estimateSize}
		for rest := []byte(said); len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := filter.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got.String() != want {
			t.Fatalf("in pieces of %d got\n%.400q\nwant\n%.400q", size, got.String(), want)
		}
	}
}

func FuzzEstimateSize(f *testing.F) {
	f.Add("* 1 FETCH (UID 1 RFC822.SIZE 1000)")
	f.Add("* 1 FETCH (RFC822.SIZE 99999999999999999999)")
	f.Add("* 1 FETCH (RFC822.SIZE ")
	f.Fuzz(func(t *testing.T, line string) {
		got := string(estimateSize([]byte(line)))
		if strings.Map(noDigits, got) != strings.Map(noDigits, line) {
			t.Errorf("%q became %q", line, got)
		}
	})
}

func noDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}
