package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"drawbridge/internal/secret"
)

// maxTyped is how long a password that is read may be, in bytes; the accounts bound it further.
const maxTyped = 4096

// AskPassword asks for a password that exists on a terminal, without echo, or takes the first line of an in that is none.
// The question goes to out. A signal ends the process as it always does, with the terminal put back.
func AskPassword(in io.Reader, out io.Writer, question string) (secret.Secret, error) {
	var password string
	var err error
	if Is(in) {
		password, err = typed(in.(*os.File), out, question)
	} else {
		password, err = bufio.NewReader(io.LimitReader(in, maxTyped+2)).ReadString('\n')
		password = withoutEnd(password)
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return secret.Secret{}, fmt.Errorf("read the password: %w", err)
	case password == "":
		return secret.Secret{}, errors.New("no password came: type it, or give it as the first line of standard input")
	case len(password) > maxTyped:
		return secret.Secret{}, errors.New("the password is longer than 4 KiB: give it alone on the first line of standard input")
	case strings.ContainsAny(password, "\r\x00"):
		return secret.Secret{}, errors.New("the password has a character in it that no device can send: type it again")
	}
	return secret.New(password), nil
}

// withoutEnd takes the line's end off, and nothing else: a blank may be meant.
func withoutEnd(line string) string { return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") }

// ChoosePassword asks for a new password of login twice on a terminal, without echo, or takes the only line of an in that
// is none. The questions go to out. A signal ends the process as it always does, with the terminal put back.
func ChoosePassword(in io.Reader, out io.Writer, login string) (secret.Secret, error) {
	if Is(in) {
		return typedTwice(in.(*os.File), out, login)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTyped+1))
	password := withoutEnd(string(text))
	switch {
	case err != nil:
		return secret.Secret{}, fmt.Errorf("read the password from standard input: %w", err)
	case len(text) > maxTyped:
		return secret.Secret{}, fmt.Errorf("the password on standard input is longer than %d bytes: give a shorter one", maxTyped)
	case password == "":
		return secret.Secret{}, errors.New("no password came on standard input: write it there on a line, or add --generate")
	case strings.ContainsAny(password, "\r\n"):
		return secret.Secret{}, errors.New("standard input has more than one line: write the password alone there")
	}
	return secret.New(password), nil
}

func typedTwice(terminal *os.File, out io.Writer, login string) (secret.Secret, error) {
	first, err := typed(terminal, out, fmt.Sprintf("Password for %s: ", login))
	if err != nil {
		return secret.Secret{}, err
	}
	second, err := typed(terminal, out, "Again: ")
	if err != nil {
		return secret.Secret{}, err
	}
	if first != second {
		return secret.Secret{}, errors.New("the two passwords differ: run the command again")
	}
	if first == "" {
		return secret.Secret{}, errors.New("the password is empty: run the command again, or add --generate")
	}
	return secret.New(first), nil
}

// typed reads a line that the terminal does not show. A signal puts the terminal back before it ends the command.
// term.ReadPassword would not do: it waits on at an end of input, for ever at that of a terminal that is gone.
func typed(terminal *os.File, out io.Writer, question string) (string, error) {
	fd := int(terminal.Fd()) //nolint:gosec // a file descriptor
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the terminal's mode: %w", err)
	}
	restore := func() { _ = term.Restore(fd, before) }
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := hide(fd); err != nil {
		signal.Stop(signals)
		return "", fmt.Errorf("hide what is typed: %w", err)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go restoreOnSignal(signals, restore, end, ended)
	defer func() {
		close(end)
		<-ended
		restore()
	}()
	_, _ = io.WriteString(out, question)
	return readTyped(terminal)
}

// restoreOnSignal lasts until end. A signal that comes first does what it always does, once the terminal is back.
func restoreOnSignal(signals chan os.Signal, restore func(), end <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	defer signal.Stop(signals)
	select {
	case s := <-signals:
		restore()
		signal.Reset(s)
		if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(s) != nil {
			os.Exit(1) // Windows knows no signals
		}
	case <-end:
	}
}

// readTyped reads to the line's end and no further: the next line answers another question.
func readTyped(terminal io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) <= maxTyped; {
		n, err := terminal.Read(one)
		if n == 1 && one[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, one[:n]...)
		if err != nil {
			return "", errors.New("no password was typed: run the command again, or add --generate")
		}
	}
	return "", fmt.Errorf("the password is longer than %d bytes: type a shorter one", maxTyped)
}
