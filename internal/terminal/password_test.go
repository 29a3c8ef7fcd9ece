package terminal_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"drawbridge/internal/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAskPassword_FirstLine(t *testing.T) {
	for _, c := range []struct{ in, want, fault string }{
		{"secret\n", "secret", ""},
		{"secret", "secret", ""},
		{" s p \r\nmore\n", " s p ", ""},
		{"", "", "no password came"},
		{"\nsecret\n", "", "no password came"},
		{"a\x00b\n", "", "no device can send"},
		{strings.Repeat("p", 5000), "", "longer than 4 KiB"},
	} {
		var prompt bytes.Buffer
		got, err := terminal.AskPassword(strings.NewReader(c.in), &prompt, "Password of scanner1: ")
		if got.Reveal() != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(),
			c.fault) || prompt.Len() > 0 {
			t.Errorf("%q: %q, %v, prompt %q; want %q and %q", c.in, got.Reveal(), err, &prompt, c.want, c.fault)
		}
	}
	if _, err := terminal.AskPassword(iotest.ErrReader(io.ErrClosedPipe), io.Discard, ""); err == nil {
		t.Error("a broken standard input is no error")
	}
}

func TestChoosePassword_OnlyLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want, fault string }{
		{"secret\n", "secret", ""},
		{"secret\r\n", "secret", ""},
		{"secret", "secret", ""},
		{" blanks are meant \n", " blanks are meant ", ""},
		{"", "", "no password came"},
		{"\n", "", "no password came"},
		{"one\ntwo\n", "", "more than one line"},
		{strings.Repeat("x", 4097), "", "longer than 4096"},
	} {
		got, err := terminal.ChoosePassword(strings.NewReader(c.text), io.Discard, "scanner1")
		if (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) || got.Reveal() != c.want {
			t.Errorf("%.20q: got %q, %v, want %q, %q", c.text, got.Reveal(), err, c.want, c.fault)
		}
	}
}
