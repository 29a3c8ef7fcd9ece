package hello_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/hello"
)

func addSeeds(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.raw)
	}
	f.Add([]byte("a1 LOGIN me secret\r\n"))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff})
	f.Add([]byte{0x80, 29, 1, 3, 1, 0, 3, 0, 0, 0, 16})
	f.Add(withExtensions(extServerName("x", "y"), extALPN("imap"), ext(11, []byte{1, 0}), extGroups(23)))
}

// verdict is what a parse comes to: "" for a hello.
func verdict(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzParse holds that parsing never panics, that it is a function of its input, and that it never takes back
// what it has said of a prefix.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, wantErr := hello.Parse(raw)
		again, againErr := hello.Parse(slices.Clone(raw))
		if !reflect.DeepEqual(want, again) || verdict(wantErr) != verdict(againErr) {
			t.Fatalf("%+v, %v became %+v, %v", want, wantErr, again, againErr)
		}
		checkVerdict(t, want, wantErr)
		for n := range min(len(raw), 2000) {
			h, err := hello.Parse(raw[:n])
			if errors.Is(err, hello.ErrIncomplete) {
				continue
			}
			if verdict(err) != verdict(wantErr) || !reflect.DeepEqual(h, want) {
				t.Fatalf("%d bytes: %+v, %v; all %d: %+v, %v", n, h, err, len(raw), want, wantErr)
			}
		}
	})
}

func checkVerdict(t *testing.T, h *hello.Hello, err error) {
	var broken *hello.MalformedError
	switch {
	case err == nil:
		if len(h.JA3) != 32 || len(h.JA4) != 36 || len(h.Key()) != 32 || h.Readiness() == hello.Unknown {
			t.Fatalf("%+v", h)
		}
	case errors.As(err, &broken):
		if h != nil || broken.Hello == nil || broken.Reason == "" || broken.Hello.Readiness() != hello.Unknown {
			t.Fatalf("%v, %+v", h, broken)
		}
	case h != nil || !errors.Is(err, hello.ErrIncomplete) && !errors.Is(err, hello.ErrNotTLS):
		t.Fatalf("%v, %v", h, err)
	}
}

// FuzzAgainstCryptoTLS holds that we read what the standard library reads, wherever it reads anything.
func FuzzAgainstCryptoTLS(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		info := seenByCryptoTLS(raw)
		if info == nil {
			return
		}
		h, err := hello.Parse(raw)
		if err != nil {
			if !stricterOnPurpose(raw, err) {
				t.Fatalf("crypto/tls reads it, we say %v", err)
			}
			return
		}
		compareWithCryptoTLS(t, h, info)
	})
}

// FuzzExtension is FuzzAgainstCryptoTLS below the lengths that a fuzzer seldom gets right: one extension in a
// sound hello.
func FuzzExtension(f *testing.F) {
	for _, kind := range []uint16{0, 10, 11, 13, 16, 35, 43, 0xff01, 0x0a0a} {
		f.Add(kind, []byte{})
		f.Add(kind, []byte{0, 2, 0, 23})
		f.Add(kind, []byte{2, 3, 4})
		f.Add(kind, []byte{0, 5, 4, 'i', 'm', 'a', 'p'})
		f.Add(kind, []byte{0, 4, 0, 0, 1, 'x'})
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		if len(data) > 1000 {
			return
		}
		raw := withExtensions(ext(0xabcd, nil), ext(kind, data))
		h, err := hello.Parse(raw)
		checkVerdict(t, h, err)
		info := seenByCryptoTLS(raw)
		if info == nil {
			return
		}
		if err == nil {
			compareWithCryptoTLS(t, h, info)
		} else if !stricterOnPurpose(raw, err) {
			t.Fatalf("crypto/tls reads it, we say %v", err)
		}
	})
}

func TestParse_AgreesWithCryptoTLS(t *testing.T) {
	compared := 0
	for _, v := range vectors(t) {
		if info := seenByCryptoTLS(v.raw); info != nil {
			compareWithCryptoTLS(t, mustParse(t, v.raw), info)
			compared++
		}
	}
	if compared < 25 {
		t.Errorf("crypto/tls reads only %d of the vectors", compared)
	}
}

// stricterOnPurpose tells whether we may refuse what crypto/tls takes: record versions beyond 3.x, alerts around
// the hello, more entries than any device has, and a hello blown up by its records.
func stricterOnPurpose(raw []byte, err error) bool {
	if errors.Is(err, hello.ErrNotTLS) {
		return raw[0] == 21 || raw[1] != 3
	}
	for _, reason := range []string{"another kind of record", "more than", "longer than 64 KiB"} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return strings.Contains(err.Error(), "application_layer") && len(raw) > 64 // there may be 65 protocols in it
}

func compareWithCryptoTLS(t *testing.T, h *hello.Hello, info *tls.ClientHelloInfo) {
	t.Helper()
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, crypto/tls %v", what, got, want)
		}
	}
	check("suites", plain(h.Suites), plain(info.CipherSuites))
	check("groups", plain(h.Groups), plain(info.SupportedCurves))
	check("signatures", plain(h.Signatures), plain(info.SignatureSchemes))
	check("extensions", plain(h.Extensions), plain(info.Extensions))
	check("points", plain(h.PointFormats), plain(info.SupportedPoints))
	check("ALPN", strings.Join(h.ALPN, "|"), strings.Join(info.SupportedProtos, "|"))
	check("server name", h.ServerName, info.ServerName[:min(len(info.ServerName), 255)])
	if h.Versions != nil {
		check("versions", plain(h.Versions), plain(info.SupportedVersions))
	} else if h.MaxVersion >= hello.TLS10 && !slices.Contains(info.SupportedVersions, uint16(h.MaxVersion)) {
		t.Errorf("highest version: %v, crypto/tls %v", h.MaxVersion, info.SupportedVersions)
	}
}

// plain makes lists of different types and kinds of emptiness alike.
func plain[T ~uint8 | ~uint16](list []T) []uint16 {
	out := make([]uint16, 0, len(list))
	for _, v := range list {
		out = append(out, uint16(v))
	}
	return out
}

var errSeen = errors.New("seen")

// seenByCryptoTLS returns what a server of the standard library reads out of raw, or nil if it reads no hello.
func seenByCryptoTLS(raw []byte) (info *tls.ClientHelloInfo) {
	server := tls.Server(&oneWayConn{Reader: bytes.NewReader(raw)}, &tls.Config{
		MinVersion: tls.VersionTLS10,
		GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			info = i
			return nil, errSeen
		},
	})
	_ = server.HandshakeContext(context.Background()) // fails always: by errSeen, or by a lack of a hello
	return info
}

// oneWayConn can be read, and swallows what is written.
type oneWayConn struct{ io.Reader }

func (*oneWayConn) Write(b []byte) (int, error)      { return len(b), nil }
func (*oneWayConn) Close() error                     { return nil }
func (*oneWayConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*oneWayConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*oneWayConn) SetDeadline(time.Time) error      { return nil }
func (*oneWayConn) SetReadDeadline(time.Time) error  { return nil }
func (*oneWayConn) SetWriteDeadline(time.Time) error { return nil }

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"openssl-tls10", "java17-tls12", "hand-chrome-grease", "hand-sslv2-openssl098", "hand-record-a-byte"} {
		v := readVector(b, "testdata/"+name+".txt")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hello.Parse(v.raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse_Incomplete(b *testing.B) {
	// The worst case of a caller who tries again with each byte.
	raw := records(append([]byte{1, 0, 0x2a, 0xff}, make([]byte, 2043)...), 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hello.Parse(raw); err != hello.ErrIncomplete {
			b.Fatal(err)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	h := mustParse(b, readVector(b, "testdata/java17-tls12.txt").raw)
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Key()
	}
}
