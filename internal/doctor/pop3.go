package doctor

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"drawbridge/proxy/login"
)

// popClient speaks POP3 (RFC 1939), as far as a doctor needs it.
type popClient struct {
	conn *login.Conn
	gone bool // nobody to say goodbye to
}

func newPOPClient(conn *login.Conn, _ string) mailClient { return &popClient{conn: conn} }

func (p *popClient) ask(command, what string) (line string, err error) {
	if err = p.conn.WriteString(command + "\r\n"); err == nil {
		line, err = readReply(p.conn)
	}
	if err != nil {
		p.gone = true
		return "", silent("answer "+what, err)
	}
	return line, nil
}

// capabilities asks by CAPA (RFC 2449, section 5); an upstream that does not know it has none.
func (p *popClient) capabilities() ([]string, error) {
	line, err := p.ask("CAPA", "CAPA")
	if err != nil || !hasPrefixFold(line, "+OK") {
		return nil, err
	}
	var list []string
	const most = 64
	for range most {
		line, err := readReply(p.conn)
		switch {
		case err != nil:
			p.gone = true
			return nil, silent("finish its answer to CAPA", err)
		case line == ".":
			return list, nil
		}
		list = append(list, line)
	}
	p.gone = true
	return nil, fmt.Errorf("the upstream lists more than %d capabilities", most)
}

// login sends the mechanism and its response in two lines always, since Exchange Online answers one with a protocol error.
func (p *popClient) login(_ sasl.Client, mechanism string, initial []byte) error {
	what := "AUTH " + mechanism
	line, err := p.ask(what, what)
	const most = 4
	response := base64.StdEncoding.EncodeToString(initial)
	for range most {
		switch {
		case err != nil:
			return err
		case hasPrefixFold(line, "+OK"):
			return nil
		case !strings.HasPrefix(line, "+"):
			return &saidError{line}
		}
		line, err = p.ask(response, what)
		response = "" // a challenge tells why the token is refused; only after an empty line the refusal comes
	}
	return fmt.Errorf("the upstream does not come to an end in %s", what)
}

func (p *popClient) prove() (int, error) {
	line, err := p.ask("STAT", "STAT")
	if err != nil {
		return 0, err
	}
	words := append(strings.Fields(line), "", "")
	n, err := strconv.Atoi(words[1])
	if err != nil || !hasPrefixFold(line, "+OK") {
		return 0, &saidError{line}
	}
	return n, nil
}

func (p *popClient) quit() {
	if !p.gone {
		_, _ = p.ask("QUIT", "QUIT")
	}
}
