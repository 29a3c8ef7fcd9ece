package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"drawbridge/internal/secret"
)

// maxTyped is how long a password that is read may be, in bytes; the accounts bound it further.
const maxTyped = 4096

// askPassword asks twice on a terminal, without echo, or reads one line where in is none.
func askPassword(in io.Reader, out io.Writer, login string) (secret.Secret, error) {
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return typedTwice(f, out, login)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTyped+1))
	if err != nil {
		return secret.Secret{}, fmt.Errorf("read the password from standard input: %w", err)
	}
	return onePassword(string(text))
}

// onePassword takes the line's end off, and nothing else: a blank may be meant.
func onePassword(text string) (secret.Secret, error) {
	password := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
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
func typed(terminal *os.File, out io.Writer, question string) (string, error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return "", fmt.Errorf("read the terminal's mode: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	hidden := *before
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		signal.Stop(signals)
		return "", fmt.Errorf("hide what is typed: %w", err)
	}
	restore := func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }
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
		_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
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
