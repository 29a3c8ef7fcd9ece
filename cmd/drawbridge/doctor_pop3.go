package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// popDoctor speaks POP3 (RFC 1939), as far as a doctor needs it.
type popDoctor struct {
	conn *login.Conn
	stop func() bool
	gone bool // nobody to say goodbye to
}

func (d *popDoctor) ask(command, what string) (string, error) {
	err := d.conn.WriteString(command + "\r\n")
	line := ""
	if err == nil {
		line, err = readReply(d.conn)
	}
	if err != nil {
		d.gone = true
		return "", login.RefuseSilent("answer "+what, err).Err
	}
	return line, nil
}

// maxListed bounds the lines of CAPA.
const maxListed = 64

// capabilities asks by CAPA (RFC 2449, section 5); an upstream that does not know it has none.
func (d *popDoctor) capabilities() ([]string, error) {
	line, err := d.ask("CAPA", "CAPA")
	if err != nil || !hasPrefixFold(line, "+OK") {
		return nil, err
	}
	var list []string
	for range maxListed {
		line, err := readReply(d.conn)
		switch {
		case err != nil:
			d.gone = true
			return nil, login.RefuseSilent("finish its answer to CAPA", err).Err
		case line == ".":
			return list, nil
		}
		list = append(list, line)
	}
	d.gone = true
	return nil, fmt.Errorf("the upstream lists more than %d capabilities", maxListed)
}

// login sends the mechanism and its response in two lines always, since Exchange Online answers one with a protocol error.
func (d *popDoctor) login(client sasl.Client) error {
	mechanism, initial, err := client.Start()
	if err != nil {
		return err
	}
	what := "AUTH " + mechanism
	line, err := d.ask(what, what)
	const most = 4
	response := base64.StdEncoding.EncodeToString(initial)
	for range most {
		if err != nil {
			return err
		}
		if hasPrefixFold(line, "+OK") {
			return nil
		}
		if !strings.HasPrefix(line, "+") {
			return &saidError{line}
		}
		line, err = d.ask(response, what)
		response = "" // a challenge tells why the token is refused; only after an empty line the refusal comes
	}
	return fmt.Errorf("the upstream does not come to an end in %s", what)
}

func (d *popDoctor) prove() (int, error) {
	line, err := d.ask("STAT", "STAT")
	if err != nil {
		return 0, err
	}
	words := strings.Fields(line)
	if !hasPrefixFold(line, "+OK") || len(words) < 2 {
		return 0, &saidError{line}
	}
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return 0, &saidError{line}
	}
	return n, nil
}

func (d *popDoctor) close() {
	if !d.gone {
		_, _ = d.ask("QUIT", "QUIT")
	}
	_ = d.conn.Close()
	d.stop()
}
