package main

import (
	"io"
	"strings"
	"testing"
)

// TestTry_PasswordIsAskedForWithoutEcho types a password and looks at what the terminal showed.
func TestTry_PasswordIsAskedForWithoutEcho(t *testing.T) {
	t.Parallel()
	person, terminal := openTerminal(t)
	asked := &lockedBuffer{}
	type answer struct {
		password string
		err      error
	}
	ended := make(chan answer, 1)
	go func() {
		password, err := readPassword(terminal, asked, "scanner\x1b1")
		ended <- answer{password, err}
	}()
	until(t, "the question", func() bool { return asked.String() == `Password of scanner\u001b1: ` })
	_, err := io.WriteString(person, "CanaryOfTheMine\n")
	must(t, err)
	if got := <-ended; got.password != "CanaryOfTheMine" || got.err != nil {
		t.Errorf("got %q, %v", got.password, got.err)
	}
	shown := make([]byte, 4096)
	n, err := person.Read(shown)
	must(t, err)
	if strings.Contains(string(shown[:n]), "Canary") {
		t.Errorf("the terminal showed %q", shown[:n])
	}
}
