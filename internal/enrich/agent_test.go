package enrich_test

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosnmp/gosnmp"

	"drawbridge/internal/enrich"
	"drawbridge/internal/secret"
)

// The system group's objects, as the agent answers them.
const (
	oidDescr    = ".1.3.6.1.2.1.1.1.0"
	oidObjectID = ".1.3.6.1.2.1.1.2.0"
	oidName     = ".1.3.6.1.2.1.1.5.0"
)

// agent is an SNMP agent on loopback. It decodes requests by decode and answers each with what reply makes of it; nil
// answers nothing.
type agent struct {
	decode func([]byte) (*gosnmp.SnmpPacket, error)
	reply  func(*gosnmp.SnmpPacket) [][]byte
	asked  atomic.Int64
	refuse atomic.Int64 // requests that could not be decoded: a wrong user, say
}

// listen serves until the test ends, and returns the port.
func (a *agent) listen(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 65535)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			a.serve(c, from, buf[:n])
		}
	})
	t.Cleanup(func() { _ = c.Close(); done.Wait() })
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}

func (a *agent) serve(c net.PacketConn, from net.Addr, request []byte) {
	a.asked.Add(1)
	packet, err := a.decode(request)
	if err != nil {
		a.refuse.Add(1)
		return
	}
	for _, answer := range a.reply(packet) {
		_, _ = c.WriteTo(answer, from)
	}
}

// v2c returns an agent whose answers have what change makes of the right one.
func v2c(community string, variables []gosnmp.SnmpPDU, change func(*gosnmp.SnmpPacket)) *agent {
	return &agent{
		decode: (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket,
		reply: func(p *gosnmp.SnmpPacket) [][]byte {
			if p.Community != community || p.PDUType != gosnmp.GetRequest {
				return nil
			}
			answer := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: community, PDUType: gosnmp.GetResponse, RequestID: p.RequestID,
				Variables: variables}
			if change != nil {
				change(answer)
			}
			return [][]byte{mustMarshal(answer)}
		},
	}
}

func mustMarshal(p *gosnmp.SnmpPacket) []byte {
	b, err := p.MarshalMsg()
	if err != nil {
		panic(err)
	}
	return b
}

func says(description string) []gosnmp.SnmpPDU {
	return []gosnmp.SnmpPDU{
		{Name: oidDescr, Type: gosnmp.OctetString, Value: []byte(description)},
		{Name: oidObjectID, Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.4.1.11.2.3.9.1"},
		{Name: oidName, Type: gosnmp.OctetString, Value: []byte("copier-2\n")},
	}
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func asking(port uint16) *enrich.SNMP {
	return &enrich.SNMP{Version: "v2c", Community: secret.New("public"), Prefixes: loopback(), Port: port}
}
