package sandbox

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

func (v *visit) greetPOP3() error {
	line, err := v.answerPOP3()
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	v.step("greeted: %s", line)
	return nil
}

func (v *visit) agreePOP3() error {
	if _, err := v.commandPOP3("STLS"); err != nil {
		return fmt.Errorf("STLS: %w", err)
	}
	v.step("STLS agreed")
	return nil
}

func (v *visit) answerPOP3() (string, error) {
	line, err := v.lines.read()
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(line, "-ERR") {
		return "", errRefused(line)
	}
	return line, nil
}

func (v *visit) commandPOP3(command string, arguments ...string) (string, error) {
	if err := v.lines.write(v.lines.words(command, arguments...)); err != nil {
		return "", err
	}
	return v.answerPOP3()
}

func (v *visit) logInPOP3() error {
	d := v.device
	switch d.Login {
	case UserPass:
		if _, err := v.commandPOP3("USER", d.Account); err != nil {
			return err
		}
		// The password begins behind the first space, so that one is never doubled.
		return v.exchangePOP3(v.lines.words("PASS") + " " + d.Password)
	case AuthPlain:
		return v.exchangePOP3(v.lines.words("AUTH", "PLAIN"), plainResponse(d))
	case AuthPlainAtOnce:
		return v.exchangePOP3(v.lines.words("AUTH", "PLAIN", plainResponse(d)))
	case AuthLogin:
		return v.exchangePOP3(v.lines.words("AUTH", "LOGIN"), encode(d.Account), encode(d.Password))
	case AuthXOAUTH2:
		return v.exchangePOP3(v.lines.words("AUTH", "XOAUTH2"), xoauth2Response(d))
	}
	return fmt.Errorf("no such login form over POP3: %q", d.Login)
}

// exchangePOP3 sends lines, all but the first after a prompt, and wants +OK at the end.
func (v *visit) exchangePOP3(lines ...string) error {
	for i, line := range lines {
		if err := v.lines.write(line); err != nil {
			return err
		}
		answer, err := v.answerPOP3()
		if err != nil {
			return err
		}
		if prompted := answer == "+" || strings.HasPrefix(answer, "+ "); prompted != (i < len(lines)-1) {
			return fmt.Errorf("answer out of place: %q", answer)
		}
	}
	return nil
}

func (v *visit) readPOP3() error {
	v.lines.habits.DoubleSpaces = false
	if _, err := v.commandPOP3("STAT"); err != nil {
		return fmt.Errorf("STAT: %w", err)
	}
	if _, err := v.commandPOP3("RETR", "1"); err != nil {
		return fmt.Errorf("RETR: %w", err)
	}
	message, err := v.readDotted()
	if err != nil {
		return fmt.Errorf("RETR: %w", err)
	}
	v.noteMail(message)
	if _, err := v.commandPOP3("QUIT"); err != nil {
		return fmt.Errorf("QUIT: %w", err)
	}
	return v.checkMail()
}

// readDotted reads a message up to its dot and takes the stuffing off; every other byte stays.
func (v *visit) readDotted() ([]byte, error) {
	var message bytes.Buffer
	for {
		v.lines.stream.SetReadDeadline(time.Now().Add(v.lines.timeout))
		line, err := readLine(v.lines.reader, maxMail)
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return message.Bytes(), nil
		}
		if message.Len()+len(line) > maxMail {
			return nil, errLineTooLong
		}
		message.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}
