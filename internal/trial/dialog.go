package trial

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const emptyMailbox = "the mailbox is empty: there is nothing to read"

// describeMail says what may be shown of a message.
func describeMail(count, size, header string) string {
	subject := subjectOf(header)
	if subject == "" {
		return fmt.Sprintf("the first of %s: no subject, %s bytes", count, size)
	}
	return fmt.Sprintf(`the first of %s: "%s", %s bytes`, count, subject, size)
}

// imap is a device's side of IMAP.
type imap struct{ *lines }

func (d *imap) greeting() (string, error) { return d.expect("* OK") }

// imapAnswer is what came for a command.
type imapAnswer struct {
	untagged []string
	literal  string // the last one
	line     string // the tagged answer
}

// find is the first group of a pattern in the untagged lines, or "".
func (a imapAnswer) find(pattern *regexp.Regexp) string {
	for _, line := range a.untagged {
		if m := pattern.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return ""
}

// command sends a command and reads up to its OK.
func (d *imap) command(text string) (a imapAnswer, err error) {
	if err := d.write("a1 " + text + "\r\n"); err != nil {
		return a, err
	}
	for range lineCount {
		line, err := d.read()
		switch {
		case err != nil:
			return a, err
		case strings.HasPrefix(line, "a1 OK"):
			a.line = line
			return a, nil
		case strings.HasPrefix(line, "a1 "), strings.HasPrefix(line, "* BYE") && text != "LOGOUT", strings.HasPrefix(line, "+"):
			return a, &answer{line}
		}
		a.untagged = append(a.untagged, line)
		if a.literal, err = d.literalBehind(line, a.literal); err != nil {
			return a, err
		}
	}
	return a, errLongAnswer
}

var literalEnd = regexp.MustCompile(`\{(\d{1,9})\}$`)

// literalBehind reads the literal that a line announces, or returns the last one (RFC 9051, section 4.3).
func (d *imap) literalBehind(line, last string) (string, error) {
	m := literalEnd.FindStringSubmatch(line)
	if m == nil {
		return last, nil
	}
	size, err := strconv.Atoi(m[1])
	if err != nil || size > lineSize {
		return "", errLongLine
	}
	data := make([]byte, size)
	err = d.readFull(data)
	return string(data), err
}

func (d *imap) startTLS() error {
	_, err := d.command("STARTTLS")
	return err
}

var capabilityLine = regexp.MustCompile(`(?i)^\* CAPABILITY (.*)$`)

func (d *imap) capabilities() (string, error) {
	a, err := d.command("CAPABILITY")
	return a.find(capabilityLine), err
}

func (d *imap) logIn(account, password string) (string, error) {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	a, err := d.command(`LOGIN "` + quoted.Replace(account) + `" "` + quoted.Replace(password) + `"`)
	return a.line, err
}

var (
	existsLine = regexp.MustCompile(`(?i)^\* (\d+) EXISTS`)
	sizeItem   = regexp.MustCompile(`(?i)RFC822\.SIZE (\d+)`)
)

// message looks at the first message, in a way that does not mark it as read.
func (d *imap) message() (string, error) {
	a, err := d.command("EXAMINE INBOX")
	if err != nil {
		return "", err
	}
	count := a.find(existsLine)
	if count == "" || count == "0" {
		return emptyMailbox, nil
	}
	if a, err = d.command("FETCH 1 (RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"); err != nil {
		return "", err
	}
	size := a.find(sizeItem)
	if size == "" {
		return "", fmt.Errorf("the first message did not come: %s", a.line)
	}
	return describeMail(count, size, a.literal), nil
}

func (d *imap) goodbye() (string, error) {
	a, err := d.command("LOGOUT")
	return a.line, err
}

// pop3 is a device's side of POP3.
type pop3 struct{ *lines }

func (d *pop3) greeting() (string, error) { return d.expect("+OK") }

func (d *pop3) command(text string) (string, error) {
	if err := d.write(text + "\r\n"); err != nil {
		return "", err
	}
	return d.greeting()
}

// list sends a command with an answer of several lines and returns those behind the first (RFC 1939, section 3).
func (d *pop3) list(text string) ([]string, error) {
	if _, err := d.command(text); err != nil {
		return nil, err
	}
	var all []string
	for range lineCount {
		line, err := d.read()
		if err != nil || line == "." {
			return all, err
		}
		all = append(all, strings.TrimPrefix(line, "."))
	}
	return nil, errLongAnswer
}

func (d *pop3) startTLS() error {
	_, err := d.command("STLS")
	return err
}

func (d *pop3) capabilities() (string, error) {
	all, err := d.list("CAPA")
	return strings.Join(all, ", "), err
}

func (d *pop3) logIn(account, password string) (string, error) {
	if _, err := d.command("USER " + account); err != nil {
		return "", err
	}
	return d.command("PASS " + password)
}

// message looks at the first message. TOP does not mark it as read, RETR does at some servers.
func (d *pop3) message() (string, error) {
	stat, err := d.command("STAT")
	if err != nil {
		return "", err
	}
	count := word(stat, 1)
	if count == "0" {
		return emptyMailbox, nil
	}
	entry, err := d.command("LIST 1")
	if err != nil {
		return "", err
	}
	header, err := d.list("TOP 1 0")
	if err != nil {
		return "", err
	}
	return describeMail(count, word(entry, 2), strings.Join(header, "\r\n")), nil
}

// word is the n-th word of a line, counted from 0, or "?".
func word(line string, n int) string {
	if words := strings.Fields(line); n < len(words) {
		return words[n]
	}
	return "?"
}

func (d *pop3) goodbye() (string, error) { return d.command("QUIT") }
