package enrich

import (
	"fmt"
	"net/netip"
	"testing"

	"drawbridge/inventory"
)

func TestIdentify_RemembersABoundedNumber(t *testing.T) {
	i, err := NewIdentifier(Options{}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for n := range maxOfAddress + 10 {
		if isNew := i.isNew(at(0), fmt.Sprint("10.0.0.0/a", n)); isNew != (n < maxOfAddress) {
			t.Errorf("device %d of an address is remembered: %t", n, isNew)
		}
	}
	for n := 1; n < maxIdentified+10; n++ {
		i.isNew(at(n), at(n).String()+"/a")
	}
	if n := len(i.devices); n != 10 {
		t.Errorf("%d addresses are remembered, want the 10 since the table was full", n)
	}
	for range maxNews + 10 { // nobody runs it: nothing waits for that
		i.tell("10.0.0.1/a", inventory.KeyDescription, "printer")
	}
	if n := len(i.news); n != maxNews {
		t.Errorf("%d news wait, want %d", n, maxNews)
	}
}
