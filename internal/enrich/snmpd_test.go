package enrich_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/enrich"
	"drawbridge/internal/secret"
)

// TestSNMP_NetSNMPsAgent asks snmpd of Net-SNMP (Debian's package snmpd), whose code is not ours nor gosnmp's.
func TestSNMP_NetSNMPsAgent(t *testing.T) {
	port := runSNMPD(t)
	auth, privacy := secret.New("auth-pass"), secret.New("priv-pass")
	for _, c := range []struct {
		about string
		snmp  enrich.SNMP
		taken bool
	}{
		{"v2c", enrich.SNMP{Version: "v2c", Community: secret.New("letmein")}, true},
		{"v2c, wrong community", enrich.SNMP{Version: "v2c", Community: secret.New("public")}, false},
		{"v3, encrypted", enrich.SNMP{Version: "v3", User: "reader", Auth: "sha", AuthPassword: auth, Privacy: "aes", PrivacyPassword: privacy},
			true},
		{"v3, authenticated", enrich.SNMP{Version: "v3", User: "oldreader", Auth: "md5", AuthPassword: auth}, true},
		{"v3, wrong password", enrich.SNMP{Version: "v3", User: "oldreader", Auth: "md5", AuthPassword: privacy}, false},
		{"v3, unknown user", enrich.SNMP{Version: "v3", User: "nobody", Auth: "md5", AuthPassword: auth}, false},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			c.snmp.Port, c.snmp.Prefixes = port, loopback()
			said, err := c.snmp.Ask(t.Context(), address("127.0.0.1"))
			want := [3]string{}
			if c.taken {
				want = [3]string{"Ricoh Aficio MP 2851", "1.3.6.1.4.1.367.1.1", "copier-2"}
			}
			if said != want || (err == nil) != c.taken {
				t.Errorf("said %q, %v; want %q", said, err, want)
			}
		})
	}
}

const snmpdConfig = `
sysDescr Ricoh Aficio MP 2851
sysName copier-2
sysObjectID 1.3.6.1.4.1.367.1.1
rocommunity letmein 127.0.0.1
createUser reader SHA auth-pass AES priv-pass
createUser oldreader MD5 auth-pass
rouser reader priv
rouser oldreader auth
`

// runSNMPD runs snmpd on loopback until the test ends, and returns its port.
func runSNMPD(t *testing.T) uint16 {
	t.Helper()
	program, err := exec.LookPath("snmpd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/snmpd") // not in everybody's PATH
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs snmpd: install Debian's package snmpd")
		}
		t.Skip("needs snmpd: install Debian's package snmpd")
	}
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "snmpd.conf")
	if err := os.WriteFile(config, []byte(snmpdConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	log := new(strings.Builder)
	c := exec.CommandContext(ctx, program, "-f", "-Lo", "-C", "-c", config, "-I", "-smux", fmt.Sprintf("udp:127.0.0.1:%d", port))
	c.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir, "MIBS=")
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("snmpd says:\n%s", log)
		}
	})
	waitForSNMPD(t, port)
	return port
}

// waitForSNMPD asks until there is an answer. A port without a listener refuses at once.
func waitForSNMPD(t *testing.T, port uint16) {
	t.Helper()
	asked := enrich.SNMP{Version: "v2c", Community: secret.New("letmein"), Port: port}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-again.C {
		_, err := asked.Ask(t.Context(), address("127.0.0.1"))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("snmpd does not answer: %v", err)
		}
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}
