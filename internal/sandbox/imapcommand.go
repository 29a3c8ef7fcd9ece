package sandbox

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLoginLiteral bounds a literal before login.
const maxLoginLiteral = 8 << 10

var errSyntax = errors.New("not an IMAP command")

// imapCommand is a command before login: a tag, its name in upper case, and its arguments with quotes and literals resolved.
type imapCommand struct {
	tag, name string
	arguments []string
}

// readCommand reads a command with its literals (RFC 9051, section 4.3). An error that is errSyntax
// leaves the connection usable; the tag is then set if there was one.
func (d *imapDialog) readCommand() (imapCommand, error) {
	line, err := d.readLine()
	if err != nil {
		return imapCommand{}, err
	}
	var words []string
	for {
		more, size, err := splitWords(line)
		words = append(words, more...)
		if err != nil || size < 0 {
			return newCommand(words, err)
		}
		value, err := d.readLiteral(size, strings.HasSuffix(line, "+}"))
		if err != nil {
			return imapCommand{}, err
		}
		words = append(words, value)
		if line, err = d.readLine(); err != nil {
			return imapCommand{}, err
		}
	}
}

func newCommand(words []string, err error) (imapCommand, error) {
	var c imapCommand
	if len(words) > 0 {
		c.tag = words[0]
	}
	if err != nil || len(words) < 2 {
		return c, errSyntax
	}
	c.name, c.arguments = strings.ToUpper(words[1]), words[2:]
	return c, nil
}

func (d *imapDialog) readLiteral(size int64, atOnce bool) (string, error) {
	if size > maxLoginLiteral {
		return "", fmt.Errorf("literal of %d bytes before login", size)
	}
	if !atOnce {
		if err := d.writeLine("+ Ready for additional command text."); err != nil {
			return "", err
		}
	}
	d.stream.SetReadDeadline(time.Now().Add(d.listener.options.LoginIdle))
	value := make([]byte, size)
	if _, err := io.ReadFull(d.reader, value); err != nil {
		return "", fmt.Errorf("read a literal: %w", err)
	}
	d.log(Event{Kind: Received, Text: string(value)})
	return string(value), nil
}

// splitWords splits a line at spaces and parentheses and unquotes. A size of 0 or more says that a literal follows.
func splitWords(line string) (words []string, size int64, err error) {
	if n, _, ok := literalAtEnd([]byte(line)); ok {
		size, line = n, line[:strings.LastIndexByte(line, '{')]
	} else {
		size = -1
	}
	for {
		line = strings.TrimLeft(line, " ()")
		if line == "" {
			return words, size, nil
		}
		var word string
		if line[0] == '"' {
			word, line, err = unquote(line[1:])
		} else {
			end := strings.IndexAny(line+" ", " ()\"")
			word, line = line[:end], line[end:]
		}
		if err != nil {
			return words, -1, err
		}
		words = append(words, word)
	}
}

func unquote(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", errSyntax
}

// literalAtEnd recognises `{123}`, `{123+}` and `~{123}` at the end of a line without its line end.
// It has 24 bytes at most, which is more than the largest number takes.
func literalAtEnd(line []byte) (size int64, atOnce, ok bool) {
	text := string(line[max(0, len(line)-24):])
	text, ok = strings.CutSuffix(text, "}")
	if !ok {
		return 0, false, false
	}
	text, atOnce = strings.CutSuffix(text, "+")
	open := strings.LastIndexByte(text, '{')
	if open < 0 {
		return 0, false, false
	}
	digits := text[open+1:]
	if strings.TrimLeft(digits, "0123456789") != "" {
		return 0, false, false
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	return size, atOnce, err == nil
}
