package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"drawbridge/internal/secret"
)

// openTerminal makes a terminal, and the end that a person sits at.
func openTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = person.Close() })
	must(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	must(t, err)
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return person, terminal
}

// TestAccount_PasswordIsAskedForWithoutEcho answers both questions, and looks at what the terminal showed.
func TestAccount_PasswordIsAskedForWithoutEcho(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, second, fault string }{
		{"CanaryOfTheMine", "CanaryOfTheMine", ""},
		{"CanaryOfTheMine", "CanaryOfTheWine", "the two passwords differ"},
		{"", "", "the password is empty"},
	} {
		person, terminal := openTerminal(t)
		before, err := unix.IoctlGetTermios(int(terminal.Fd()), getTermios)
		must(t, err)
		asked := &lockedBuffer{}
		var password secret.Secret
		ended := make(chan error, 1)
		go func() {
			var err error
			password, err = askPassword(terminal, asked, "scanner1")
			ended <- err
		}()
		until(t, "the first question", func() bool { return asked.String() == "Password for scanner1: " })
		_, err = io.WriteString(person, c.first+"\n")
		must(t, err)
		until(t, "the second question", func() bool { return strings.HasSuffix(asked.String(), "Again: ") })
		_, err = io.WriteString(person, c.second+"\n")
		must(t, err)
		err = <-ended
		if (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) || err == nil && password.Reveal() != c.first {
			t.Errorf("got %q, %v, want %q, %q", password.Reveal(), err, c.first, c.fault)
		}
		after, err := unix.IoctlGetTermios(int(terminal.Fd()), getTermios)
		must(t, err)
		if *after != *before {
			t.Errorf("the terminal was left as %+v, it was %+v", after, before)
		}
		shown := make([]byte, 4096)
		n, err := person.Read(shown)
		must(t, err)
		if strings.Contains(string(shown[:n]), "Canary") || strings.Trim(string(shown[:n]), "\r\n") != "" {
			t.Errorf("the terminal showed %q", shown[:n])
		}
	}
}
