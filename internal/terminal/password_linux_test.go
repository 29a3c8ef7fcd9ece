package terminal_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"drawbridge/internal/secret"
	"drawbridge/internal/terminal"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openTerminal makes a terminal, and the end that a person sits at.
func openTerminal(t *testing.T) (person, tty *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = person.Close() })
	must(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	must(t, err)
	tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = tty.Close() })
	return person, tty
}

// checkMode reports a terminal that was left in another mode.
func checkMode(t *testing.T, tty *os.File, before *term.State) {
	t.Helper()
	after, err := term.GetState(int(tty.Fd()))
	must(t, err)
	if *after != *before {
		t.Errorf("the terminal was left as %+v, it was %+v", after, before)
	}
}

// questions takes what is asked, one question a write.
type questions chan string

func (q questions) Write(p []byte) (int, error) {
	q <- string(p)
	return len(p), nil
}

// answer types a line once a question has come.
func (q questions) answer(t *testing.T, question string, person io.Writer, line string) {
	t.Helper()
	select {
	case got := <-q:
		if got != question {
			t.Errorf("asked %q, want %q", got, question)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %q", question)
	}
	_, err := io.WriteString(person, line)
	must(t, err)
}

type password struct {
	secret.Secret
	err error
}

// checkShown reports what a terminal showed of a password.
func checkShown(t *testing.T, person io.Reader) {
	t.Helper()
	shown := make([]byte, 4096)
	n, err := person.Read(shown)
	must(t, err)
	if strings.Contains(string(shown[:n]), "Canary") || strings.Trim(string(shown[:n]), "\r\n") != "" {
		t.Errorf("the terminal showed %q", shown[:n])
	}
}

// TestChoosePassword_WithoutEcho answers both questions, and looks at what the terminal showed.
func TestChoosePassword_WithoutEcho(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, second, fault string }{
		{"CanaryOfTheMine", "CanaryOfTheMine", ""},
		{"CanaryOfTheMine", "CanaryOfTheWine", "the two passwords differ"},
		{"", "", "the password is empty"},
	} {
		person, tty := openTerminal(t)
		before, err := term.GetState(int(tty.Fd()))
		must(t, err)
		asked, ended := make(questions), make(chan password, 1)
		go func() {
			got, err := terminal.ChoosePassword(tty, asked, "scanner1")
			ended <- password{got, err}
		}()
		asked.answer(t, "Password for scanner1: ", person, c.first+"\n")
		asked.answer(t, "Again: ", person, c.second+"\n")
		got := <-ended
		if (got.err != nil) != (c.fault != "") || got.err != nil && !strings.Contains(got.err.Error(),
			c.fault) || got.err == nil && got.Reveal() != c.first {
			t.Errorf("got %q, %v, want %q, %q", got.Reveal(), got.err, c.first, c.fault)
		}
		checkMode(t, tty, before)
		checkShown(t, person)
	}
}

// TestAskPassword_WithoutEcho types a password and looks at what the terminal showed.
func TestAskPassword_WithoutEcho(t *testing.T) {
	t.Parallel()
	person, tty := openTerminal(t)
	asked, ended := make(questions), make(chan password, 1)
	go func() {
		got, err := terminal.AskPassword(tty, asked, "Password of scanner1: ")
		ended <- password{got, err}
	}()
	asked.answer(t, "Password of scanner1: ", person, "CanaryOfTheMine\n")
	if got := <-ended; got.Reveal() != "CanaryOfTheMine" || got.err != nil {
		t.Errorf("got %q, %v", got.Reveal(), got.err)
	}
	checkShown(t, person)
}

// TestAskPassword_EndOfInput types Ctrl-D, for which term.ReadPassword would wait on.
func TestAskPassword_EndOfInput(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"\x04", "Canary\x04\x04"} {
		person, tty := openTerminal(t)
		before, err := term.GetState(int(tty.Fd()))
		must(t, err)
		asked, ended := make(questions), make(chan password, 1)
		go func() {
			got, err := terminal.AskPassword(tty, asked, "Password: ")
			ended <- password{got, err}
		}()
		asked.answer(t, "Password: ", person, line)
		const want = "read the password: no password was typed: run the command again, or add --generate"
		if got := <-ended; got.err == nil || got.err.Error() != want {
			t.Errorf("%q: got %q, %v, want %q", line, got.Reveal(), got.err, want)
		}
		checkMode(t, tty, before)
	}
}

// TestAskPassword_CtrlC interrupts a process that asks: it ends of the signal, and puts the terminal back before.
func TestAskPassword_CtrlC(t *testing.T) {
	const asks = "DRAWBRIDGE_TEST_ASKS"
	if os.Getenv(asks) != "" {
		_, _ = terminal.AskPassword(os.Stdin, os.Stderr, "Password: ")
		os.Exit(3) // it was not interrupted
	}
	t.Parallel()
	person, tty := openTerminal(t)
	before, err := term.GetState(int(tty.Fd()))
	must(t, err)
	c := exec.Command(os.Args[0], "-test.run=^TestAskPassword_CtrlC$")
	asked := make(questions)
	c.Env, c.Stdin, c.Stderr = append(os.Environ(), asks+"=1"), tty, asked
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, c.Start())
	asked.answer(t, "Password: ", person, "Canary\x03")
	err = c.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("the process ended with %v, want SIGINT", err)
	}
	checkMode(t, tty, before)
}
