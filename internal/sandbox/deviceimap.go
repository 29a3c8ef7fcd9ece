package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

func (v *visit) greetIMAP() error {
	line, err := v.lines.read()
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	v.step("greeted: %s", line)
	if !strings.HasPrefix(line, "* OK") {
		return errRefused(line)
	}
	return nil
}

func (v *visit) agreeIMAP() error {
	if _, err := v.commandIMAP("STARTTLS"); err != nil {
		return fmt.Errorf("STARTTLS: %w", err)
	}
	v.step("STARTTLS agreed")
	return nil
}

// commandIMAP sends a command and returns what came before its OK.
func (v *visit) commandIMAP(command string, arguments ...string) ([]byte, error) {
	if err := v.lines.write("a1 " + v.lines.words(command, arguments...)); err != nil {
		return nil, err
	}
	return v.answerIMAP()
}

// answerIMAP reads up to the tagged answer and returns the last literal on the way.
func (v *visit) answerIMAP() (message []byte, err error) {
	for {
		line, err := v.lines.read()
		if err != nil {
			return nil, err
		}
		if size, _, ok := literalAtEnd([]byte(line)); ok && strings.HasPrefix(line, "* ") {
			if message, err = v.lines.readFull(size); err != nil {
				return nil, err
			}
			continue
		}
		switch {
		case strings.HasPrefix(line, "+"): // a challenge behind a failed token: the answer is an empty line
			if err := v.lines.write(""); err != nil {
				return nil, err
			}
		case strings.HasPrefix(line, "a1 OK"):
			return message, nil
		case strings.HasPrefix(line, "a1 "):
			return nil, errRefused(strings.TrimPrefix(line, "a1 "))
		case strings.HasPrefix(line, "* BYE"):
			return nil, errRefused(line)
		}
	}
}

func (v *visit) logInIMAP() error {
	d := v.device
	var err error
	switch d.Login {
	case LoginQuoted:
		_, err = v.commandIMAP("LOGIN", quote(d.Account), quote(d.Password))
	case LoginLiteral:
		err = v.exchangeIMAP(v.lines.words("LOGIN", announce(d.Account)), d.Account+" "+announce(d.Password), d.Password)
	case AuthPlain:
		err = v.exchangeIMAP(v.lines.words("AUTHENTICATE", "PLAIN"), plainResponse(d))
	case AuthPlainAtOnce:
		_, err = v.commandIMAP("AUTHENTICATE", "PLAIN", plainResponse(d))
	case AuthLogin:
		err = v.exchangeIMAP(v.lines.words("AUTHENTICATE", "LOGIN"), encode(d.Account), encode(d.Password))
	case AuthXOAUTH2:
		_, err = v.commandIMAP("AUTHENTICATE", "XOAUTH2", xoauth2Response(d))
	default:
		err = fmt.Errorf("no such login form over IMAP: %q", d.Login)
	}
	return err
}

// exchangeIMAP sends a command and each further line after a continuation request.
func (v *visit) exchangeIMAP(command string, lines ...string) error {
	if err := v.lines.write("a1 " + command); err != nil {
		return err
	}
	for _, line := range lines {
		asked, err := v.lines.read()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(asked, "+") {
			return errRefused(strings.TrimPrefix(asked, "a1 "))
		}
		if err := v.lines.write(line); err != nil {
			return err
		}
	}
	_, err := v.answerIMAP()
	return err
}

func (v *visit) noteRefusal(err error) error {
	if refusal, ok := errors.AsType[errRefused](err); ok {
		v.step("login refused: %s", string(refusal))
	}
	return err
}

func (v *visit) readIMAP() error {
	v.lines.habits.DoubleSpaces = false // servers forgive it in a login at most
	if _, err := v.commandIMAP("SELECT", inbox); err != nil {
		return fmt.Errorf("SELECT: %w", err)
	}
	message, err := v.commandIMAP("FETCH", "1", "(RFC822)")
	if err != nil {
		return fmt.Errorf("FETCH: %w", err)
	}
	v.noteMail(message)
	if _, err := v.commandIMAP("LOGOUT"); err != nil && !isBye(err) {
		return fmt.Errorf("LOGOUT: %w", err)
	}
	return v.checkMail()
}

// isBye recognises the farewell, which comes before the OK of LOGOUT.
func isBye(err error) bool {
	line, ok := errors.AsType[errRefused](err)
	return ok && strings.HasPrefix(string(line), "* BYE")
}

func (v *visit) noteMail(message []byte) {
	v.result.Mail = message
	v.step("read its message, %d bytes", len(message))
}

func (v *visit) checkMail() error {
	if string(v.result.Mail) != string(v.device.Mail) {
		return fmt.Errorf("the message is not the one that was sent: %d bytes, expected %d", len(v.result.Mail), len(v.device.Mail))
	}
	v.step("logged out, message intact")
	return nil
}

// runLibrary does all of it with go-imap's client: the well-behaved device.
func (v *visit) runLibrary(ctx context.Context) error {
	if v.device.STARTTLS {
		return errors.New("the library's device has implicit TLS only")
	}
	if err := v.handshake(ctx); err != nil {
		return err
	}
	client := imapclient.New(v.lines.stream, nil)
	defer client.Close()
	if err := client.WaitGreeting(); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := v.logInLibrary(client); err != nil {
		return err
	}
	if _, err := client.Select(inbox, nil).Wait(); err != nil {
		return fmt.Errorf("SELECT: %w", err)
	}
	message, err := fetchFirst(client)
	if err != nil {
		return err
	}
	v.noteMail(message)
	if err := client.Logout().Wait(); err != nil {
		return fmt.Errorf("LOGOUT: %w", err)
	}
	return v.checkMail()
}

func (v *visit) logInLibrary(client *imapclient.Client) error {
	err := client.Login(v.device.Account, v.device.Password).Wait()
	if answer, ok := errors.AsType[*imap.Error](err); ok {
		return v.noteRefusal(errRefused(fmt.Sprintf("%s [%s] %s", answer.Type, answer.Code, answer.Text)))
	}
	if err != nil {
		return fmt.Errorf("LOGIN: %w", err)
	}
	v.step("logged in as %s by %s", v.device.Account, v.device.Login)
	return nil
}

func fetchFirst(client *imapclient.Client) ([]byte, error) {
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := client.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}})
	messages, err := fetch.Collect()
	if err != nil {
		return nil, fmt.Errorf("FETCH: %w", err)
	}
	if len(messages) != 1 {
		return nil, fmt.Errorf("FETCH: %w", io.ErrUnexpectedEOF)
	}
	return messages[0].FindBodySection(section), nil
}

// quote makes an IMAP quoted string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func announce(s string) string { return fmt.Sprintf("{%d}", len(s)) }

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func plainResponse(d Device) string { return encode("\x00" + d.Account + "\x00" + d.Password) }

func xoauth2Response(d Device) string {
	return encode("user=" + d.Account + "\x01auth=Bearer " + d.Token + "\x01\x01")
}
