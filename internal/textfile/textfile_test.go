package textfile_test

import (
	"bytes"
	"testing"

	"drawbridge/internal/textfile"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct{ name, saved, want string }{
		{"plain", "a: ä\r\n", "a: ä\r\n"},
		{"nothing", "", ""},
		{"with a byte order mark", "\xef\xbb\xbfa: ä\n", "a: ä\n"},
		{"a mark alone", "\xef\xbb\xbf", ""},
		{"UTF-16 of Windows", "\xff\xfea\x00\xe4\x00\n\x00", "aä\n"},
		{"UTF-16, big end first", "\xfe\xff\x00a\x00\xe4\x00\n", "aä\n"},
		{"UTF-16 beyond the first plane", "\xff\xfe\x3d\xd8\x00\xde", "\U0001f600"},
		{"UTF-16 that is torn", "\xff\xfea\x00\xe4", "a\ufffd"},
		{"a mark in the middle", "a\xef\xbb\xbfb", "a\xef\xbb\xbfb"},
		{"Latin-1", "fl\xfcgel", "fl\xfcgel"},
		{"NULs without a mark", "a\x00b\x00", "a\x00b\x00"},
	} {
		if got := textfile.Decode([]byte(test.saved)); !bytes.Equal(got, []byte(test.want)) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		once := textfile.Decode(data)
		if len(once) > 3*len(data)+3 {
			t.Errorf("%d bytes became %d", len(data), len(once))
		}
	})
}
