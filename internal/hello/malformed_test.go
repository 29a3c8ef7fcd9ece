package hello_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/hello"
)

func mustFail(t *testing.T, raw []byte) *hello.MalformedError {
	t.Helper()
	h, err := hello.Parse(raw)
	var broken *hello.MalformedError
	if !errors.As(err, &broken) || h != nil {
		t.Fatalf("Parse(%.80x) = %v, %v; want a MalformedError", raw, h, err)
	}
	if broken.Hello == nil {
		t.Fatal("a MalformedError without a hello")
	}
	return broken
}

// manySuites returns a list of n suites.
func manySuites(n int) []uint16 { return slices.Repeat([]uint16{0x2f}, n) }

func manyExtensions(n int) [][]byte {
	var list [][]byte
	for i := range n {
		list = append(list, ext(0x4000+uint16(i), nil))
	}
	return list
}

func withExtensions(list ...[]byte) []byte {
	return draft{version: 0x0303, suites: []uint16{0xc02f}, extensions: list}.tls()
}

func TestParse_Malformed(t *testing.T) {
	whole := draft{version: 0x0303, suites: []uint16{0xc02f}, extensions: [][]byte{extGroups(23)}}
	body := whole.body()
	start := records(message(body)[:40], 100) // a first record with 40 bytes of the hello
	for _, c := range []struct {
		name   string
		raw    []byte
		reason string
	}{
		{"another message", records([]byte{2, 0, 0, 4, 0, 0, 0, 0}, 100), "no ClientHello"},
		{"a hello request", records([]byte{0, 0, 0, 0}, 100), "no ClientHello"},
		{"an empty message", records(message(nil), 100), "the hello is empty"},
		{"a message of 16 MiB", []byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, "longer than 64 KiB"},
		{"a record of no length", []byte{22, 3, 1, 0, 0}, "a handshake record is empty"},
		{"a second record of no length", append(slices.Clone(start), 22, 3, 1, 0, 0), "a handshake record is empty"},
		{"a record of 64 KiB", []byte{22, 3, 1, 0xff, 0xff}, "a record is longer"},
		{"a record of 16,385 bytes", []byte{22, 3, 1, 0x40, 1}, "a record is longer"},
		{"an alert amid the hello", append(slices.Clone(start), 21), "another kind of record"},
		{"text amid the hello", append(slices.Clone(start), "quit"...), "another kind of record"},
		{"a record of another major version", append(slices.Clone(start), 22, 2), "another kind of record"},
		{"version", records(message(body[:1]), 100), "the version is cut off"},
		{"random", records(message(body[:33]), 100), "the random is cut off"},
		{"session id", records(message(body[:34]), 100), "the session id is cut off"},
		{"suites", records(message(body[:36]), 100), "the list of cipher suites is cut off"},
		{"compressions", records(message(body[:39]), 100), "the list of compression methods is cut off"},
		{"extensions", records(message(body[:len(body)-1]), 100), "the length of the extensions"},
		{"one byte behind", draft{version: 0x0303, extensions: [][]byte{}, trailer: []byte{0}}.tls(), "the length of the extensions"},
		{"odd suites", records(message(slices.Concat(body[:35], []byte{0, 3, 1, 2, 3, 1, 0})), 100), "odd length"},
		{"suites", draft{version: 0x0303, suites: manySuites(1025)}.tls(), "more than 1,024"},
		{"half an extension", withExtensions([]byte{0}), "an extension is cut off"},
		{"an extension without its data", withExtensions([]byte{0, 10, 0, 4, 0}), "an extension is cut off"},
		{"an extension twice", withExtensions(extGroups(23), extSignatures(0x401), extGroups(23)), "sent twice"},
		{"GREASE twice", withExtensions(ext(0x0a0a, nil), ext(0x0a0a, nil)), "sent twice"},
		{"extensions", withExtensions(manyExtensions(257)...), "more than 256 extensions"},
		{"no list of groups", withExtensions(ext(10, nil)), "supported_groups is broken"},
		{"odd groups", withExtensions(ext(10, []byte{0, 1, 0})), "supported_groups is broken"},
		{"bytes behind groups", withExtensions(ext(10, []byte{0, 2, 0, 23, 0})), "supported_groups is broken"},
		{"no list of schemes", withExtensions(ext(13, nil)), "signature_algorithms is broken"},
		{"cut schemes", withExtensions(ext(13, []byte{0, 4, 4, 1})), "signature_algorithms is broken"},
		{"no list of versions", withExtensions(ext(43, nil)), "supported_versions is broken"},
		{"odd versions", withExtensions(ext(43, []byte{3, 3, 3, 3})), "supported_versions is broken"},
		{"no list of point formats", withExtensions(ext(11, nil)), "ec_point_formats is broken"},
		{"bytes behind point formats", withExtensions(ext(11, []byte{1, 0, 0})), "ec_point_formats is broken"},
		{"no list of names", withExtensions(ext(0, nil)), "server_name is broken"},
		{"a cut name", withExtensions(ext(0, []byte{0, 4, 0, 0, 9, 'x'})), "server_name is broken"},
		{"a name without a length", withExtensions(ext(0, []byte{0, 1, 0})), "server_name is broken"},
		{"no list of protocols", withExtensions(ext(16, nil)), "application_layer_protocol_negotiation is broken"},
		{"a cut protocol", withExtensions(ext(16, []byte{0, 2, 9, 'x'})), "application_layer_protocol_negotiation is broken"},
		{"protocols", withExtensions(extALPN(slices.Repeat([]string{"x"}, 65)...)), "application_layer_protocol_negotiation is broken"},
		{"SSLv2: no room", []byte{0x80, 8, 1, 3, 1}, "too short"},
		{"SSLv2: no specs", sslv2(0x0301, 0), "no entry"},
		{"SSLv2: half a spec", []byte{0x80, 29, 1, 3, 1, 0, 4, 0, 0, 0, 16}, "half of one"},
		{"SSLv2: specs", sslv2(0x0301, 0, slices.Repeat([]uint32{5}, 1025)...), "more than 1,024"},
		{"SSLv2: lengths", []byte{0x80, 29, 1, 3, 1, 0, 3, 0, 0, 0, 16}, "do not fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := mustFail(t, c.raw)
			if !strings.Contains(broken.Reason, c.reason) || !strings.Contains(broken.Error(), c.reason) {
				t.Errorf("reason %q, want %q", broken.Reason, c.reason)
			}
			checkPartial(t, broken.Hello)
			longer := mustFail(t, append(slices.Clone(c.raw), bytes.Repeat([]byte{22, 3, 1, 0, 1, 0}, 99)...))
			if longer.Reason != broken.Reason {
				t.Errorf("reason %q became %q with more bytes", broken.Reason, longer.Reason)
			}
		})
	}
}

// Nothing may be concluded from what a broken hello lacks.
func checkPartial(t *testing.T, h *hello.Hello) {
	t.Helper()
	if h.Readiness() != hello.Unknown || h.Direct() || h.Blockers() != nil {
		t.Errorf("a broken hello is judged: %s, %v, %v", h.Readiness(), h.Direct(), h.Blockers())
	}
	if h.JA3 != "" || h.JA4 != "" {
		t.Errorf("a broken hello has the fingerprints %q and %q", h.JA3, h.JA4)
	}
	if h.RecordVersion == 0 {
		t.Error("the record version is lost")
	}
}

func TestParse_MalformedTellsWhatWasLearned(t *testing.T) {
	h := mustFail(t, withExtensions(extServerName("printer"), extGroups(23), ext(13, nil), extVersions(0x0304))).Hello
	if h.RecordVersion != hello.TLS10 || h.LegacyVersion != hello.TLS12 || h.MaxVersion != hello.TLS12 ||
		h.ServerName != "printer" || len(h.Groups) != 1 || len(h.Suites) != 1 || h.Versions != nil {
		t.Errorf("broken at an extension: %+v", h)
	}
	whole := message(draft{version: 0x0302, suites: []uint16{0x2f, 0x35}}.body())
	h = mustFail(t, append(records(whole[:len(whole)-1], 7), 23, 3, 1)).Hello
	if h.RecordVersion != hello.TLS10 || h.LegacyVersion != hello.TLS11 || len(h.Suites) != 2 {
		t.Errorf("broken between records: %+v", h)
	}
	h = mustFail(t, []byte{0x80, 8, 1, 3, 1}).Hello
	if h.Format != hello.FormatSSLv2 || h.RecordVersion != hello.SSL2 || h.MaxVersion != hello.TLS10 {
		t.Errorf("broken SSLv2 format: %+v", h)
	}
}

func TestParse_MaxSize(t *testing.T) {
	padded := func(n int) []byte {
		return draft{version: 0x0301, extensions: [][]byte{ext(21, make([]byte, n))}}.body()
	}
	fits := records(message(padded(60000)), 1<<14)
	if len(fits) > hello.MaxSize {
		t.Fatalf("%d bytes do not fit", len(fits))
	}
	mustParse(t, fits)

	// A length that can not fit is refused at once, one that its records blow up when the bound is reached.
	if broken := mustFail(t, records(message(padded(65500)), 1<<14)[:9]); broken.Reason != "the hello is longer than 64 KiB" {
		t.Error(broken.Reason)
	}
	const room = hello.MaxSize - 9 // behind the headers of a record and of the message
	for n, want := range map[int]error{room: hello.ErrIncomplete, room + 1: nil} {
		_, err := hello.Parse([]byte{22, 3, 1, 0x40, 0, 1, 0, byte(n >> 8), byte(n)})
		if errors.Is(err, hello.ErrIncomplete) != (want != nil) {
			t.Errorf("a hello of %d bytes is announced: %v", n, err)
		}
	}
	blown := records(message(padded(60000)), 40)
	if _, err := hello.Parse(blown[:hello.MaxSize-1]); !errors.Is(err, hello.ErrIncomplete) {
		t.Errorf("below the bound: %v", err)
	}
	for _, n := range []int{hello.MaxSize, hello.MaxSize + 1, len(blown)} {
		if broken := mustFail(t, blown[:n]); broken.Reason != "the hello is longer than 64 KiB" || broken.Hello.LegacyVersion != hello.TLS10 {
			t.Errorf("%d bytes: %q, %+v", n, broken.Reason, broken.Hello)
		}
	}
}

func TestParse_MaxRecords(t *testing.T) {
	whole := func(n int) []byte {
		return message(draft{version: 0x0301, extensions: [][]byte{ext(21, make([]byte, n-49))}}.body())
	}
	if h := mustParse(t, records(whole(2048), 1)); len(h.Extensions) != 1 {
		t.Errorf("2,048 records: %+v", h)
	}
	if broken := mustFail(t, records(whole(2049), 1)); broken.Reason != "the hello is spread over more than 2,048 records" {
		t.Error(broken.Reason)
	}
}
