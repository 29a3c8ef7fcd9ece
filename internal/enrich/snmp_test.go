package enrich_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"drawbridge/internal/enrich"
	"drawbridge/internal/secret"
)

func TestSNMP_V2cSaysWhatTheDeviceIs(t *testing.T) {
	a := v2c("public", says("HP LaserJet MFP,\x1b[31m ROM \"2309\"\r\n"), nil)
	said, err := asking(a.listen(t)).Ask(t.Context(), address("127.0.0.1"))
	if want := [3]string{`HP LaserJet MFP, [31m ROM "2309"`, "1.3.6.1.4.1.11.2.3.9.1", "copier-2"}; err != nil || said != want {
		t.Errorf("said %q, %v; want %q", said, err, want)
	}
}

func TestSNMP_HostileAnswersAreCutOrRefused(t *testing.T) {
	for _, c := range []struct {
		about     string
		variables []gosnmp.SnmpPDU
		change    func(*gosnmp.SnmpPacket)
		want      string // sysDescr; "" for an error
	}{
		{"huge", says(strings.Repeat("é", 20_000)), nil, strings.Repeat("é", 256)},
		{"control characters only", []gosnmp.SnmpPDU{{Name: oidDescr, Type: gosnmp.OctetString, Value: []byte("\x00\x1b\x07\x9b")}}, nil, ""},
		{"not asked for", []gosnmp.SnmpPDU{{Name: ".1.3.6.1.2.1.1.4.0", Type: gosnmp.OctetString, Value: []byte("contact")}}, nil, ""},
		{"a number for a text", []gosnmp.SnmpPDU{{Name: oidDescr, Type: gosnmp.Integer, Value: 7}}, nil, ""},
		{"no such object", []gosnmp.SnmpPDU{{Name: oidDescr, Type: gosnmp.NoSuchObject}}, nil, ""},
		{"an error", says("HP"), func(p *gosnmp.SnmpPacket) { p.Error = gosnmp.AuthorizationError }, ""},
		{"no answer's type", says("HP"), func(p *gosnmp.SnmpPacket) { p.PDUType = gosnmp.SetRequest }, ""},
		{"to no request", says("HP"), func(p *gosnmp.SnmpPacket) { p.RequestID = 0 }, ""},
	} {
		a := v2c("public", c.variables, c.change)
		said, err := asking(a.listen(t)).Ask(t.Context(), address("127.0.0.1"))
		if said[0] != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %.60q, %v; want %.60q", c.about, said[0], err, c.want)
		}
	}
}

func TestSNMP_AnswerToAnotherRequestIsPassedOver(t *testing.T) {
	right := v2c("public", says("HP"), nil)
	right.reply = func(p *gosnmp.SnmpPacket) [][]byte {
		forged := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: p.RequestID +
			1, Variables: says("forged")}
		answer := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: p.RequestID,
			Variables: says("HP")}
		return [][]byte{mustMarshal(forged), mustMarshal(answer)}
	}
	said, err := asking(right.listen(t)).Ask(t.Context(), address("127.0.0.1"))
	if err != nil || said[0] != "HP" {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestSNMP_BytesThatAreNoAnswerAreAnError(t *testing.T) {
	askForNoAnswer(t)
}

// askForNoAnswer returns how long the longest of these questions took.
func askForNoAnswer(t *testing.T) (longest time.Duration) {
	t.Helper()
	whole := mustMarshal(&gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 1,
		Variables: says("HP")})
	for _, bytes := range []string{"", "\x00", "HTTP/1.1 400 Bad Request\r\n", "\x30\x84\xff\xff\xff\xff\x02\x01\x01", "\x30\x82\x00",
		string(whole[:len(whole)/2]), strings.Repeat("\x30\x80", 30_000)} {
		a := v2c("public", nil, nil)
		a.reply = func(*gosnmp.SnmpPacket) [][]byte { return [][]byte{[]byte(bytes)} }
		began := time.Now()
		if said, err := asking(a.listen(t)).Ask(t.Context(), address("127.0.0.1")); err == nil {
			t.Errorf("%.20q said %q", bytes, said)
		}
		longest = max(longest, time.Since(began))
	}
	return longest
}

func TestSNMP_IsAskedOnceAndInsideThePrefixesOnly(t *testing.T) {
	a, d := v2c("public", says("HP LaserJet"), nil), newDiary()
	o := asking(a.listen(t))
	o.Prefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	e := start(t, enrich.Options{SNMP: o, Learned: d.learned})
	for range 3 {
		e.Facts(address("127.0.0.2"))
		e.Facts(address("127.0.0.1"))
		d.wait(t, "127.0.0.1 snmp_description=HP LaserJet")
	}
	want := enrich.Facts{Description: "HP LaserJet", ObjectID: "1.3.6.1.4.1.11.2.3.9.1", SystemName: "copier-2"}
	if got := e.Facts(address("127.0.0.1")); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := e.Facts(address("127.0.0.2")); got != (enrich.Facts{}) {
		t.Errorf("outside the prefixes: %+v", got)
	}
	if s := e.Stats(); a.asked.Load() != 1 || s.SNMPAsked != 1 || s.SNMPFailed != 0 {
		t.Errorf("asked %d times; %+v", a.asked.Load(), s)
	}
}

func TestSNMP_SilentDeviceIsAskedOnceAndEndsWithRun(t *testing.T) {
	askASilentOne(t)
}

// askASilentOne returns how long Run went on after its context had ended.
func askASilentOne(t *testing.T) (took time.Duration) {
	t.Helper()
	a, asked := v2c("", nil, nil), make(chan struct{}, 10)
	a.reply = func(*gosnmp.SnmpPacket) [][]byte { asked <- struct{}{}; return nil }
	e := enrich.New(enrich.Options{SNMP: asking(a.listen(t)), RegistryDir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.Facts(address("127.0.0.1"))
	<-asked
	e.Facts(address("127.0.0.1"))
	began := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	e.Facts(address("127.0.0.1"))
	if s := e.Stats(); s.SNMPAsked != 1 || s.SNMPFailed != 1 {
		t.Errorf("%+v", s)
	}
	return took
}

func TestRun_RefusesOptionsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		about string
		snmp  enrich.SNMP
		want  []string
	}{
		{"nothing", enrich.SNMP{}, []string{"name the prefixes", `version "" is not known`}},
		{"no community", enrich.SNMP{Version: "v2c", Prefixes: loopback()}, []string{"needs a community"}},
		{"a zero prefix", enrich.SNMP{Version: "v2c", Community: secret.New("x"), Prefixes: []netip.Prefix{{}}}, []string{"192.0.2.0/24"}},
		{"everybody", enrich.SNMP{Version: "v2c", Community: secret.New("x"), Prefixes: []netip.Prefix{netip.MustParsePrefix("::/0")}},
			[]string{"::/0 would show the community to everybody"}},
		{"unknown words", enrich.SNMP{Version: "v3", Auth: "sha1", Privacy: "rot13", Prefixes: loopback()},
			[]string{"needs a user", "md5, sha, sha224, sha256, sha384, sha512", "aes, aes192, aes192c, aes256, aes256c, des",
				"auth needs 8 characters", "privacy needs 8 characters"}},
		{"privacy alone", enrich.SNMP{Version: "v3", User: "u", Privacy: "aes", PrivacyPassword: secret.New("12345678"), Prefixes: loopback()},
			[]string{"privacy needs auth"}},
	} {
		err := enrich.New(enrich.Options{SNMP: &c.snmp}).Run(t.Context())
		if err == nil {
			t.Errorf("%s: taken", c.about)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %q", c.about, want, err)
			}
		}
		if got := len(strings.Split(err.Error(), "\n")); got != len(c.want) {
			t.Errorf("%s: %d mistakes, want %d: %v", c.about, got, len(c.want), err)
		}
	}
}
