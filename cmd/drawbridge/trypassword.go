package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"drawbridge/inventory"
)

// readPassword asks for a password on a terminal, without echo, or takes the first line of what is no terminal.
func readPassword(in io.Reader, prompt io.Writer, account string) (string, error) {
	password, err := typedPassword(in, prompt, account)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("read the password: %w", err)
	case password == "":
		return "", errors.New("no password came: type it, or give it as the first line of standard input")
	case len(password) > maxTyped:
		return "", errors.New("the password is longer than 4 KiB: give it alone on the first line of standard input")
	case strings.ContainsAny(password, "\r\x00"):
		return "", errors.New("the password has a character in it that no device can send: type it again")
	}
	return password, nil
}

func typedPassword(in io.Reader, prompt io.Writer, account string) (string, error) {
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return typed(f, prompt, "Password of "+inventory.Printable(account)+": ")
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxTyped+2)).ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}
