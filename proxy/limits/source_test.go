package limits_test

import (
	"net/netip"
	"testing/synctest"
	"time"
)

var (
	printer  = netip.MustParseAddr("10.20.3.7")
	stranger = netip.MustParseAddr("10.20.9.9")
)

// sourceNumber is one of many sources.
func sourceNumber(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }

// pass lets time pass in the test's bubble, and everybody do what is due.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
