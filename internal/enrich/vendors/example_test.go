package vendors_test

import (
	"fmt"
	"log"
	"net"

	"drawbridge/internal/enrich/vendors"
)

func ExampleRegistry_Lookup() {
	registry, err := vendors.Embedded()
	if err != nil {
		log.Fatal(err)
	}
	for _, mac := range []net.HardwareAddr{{0x00, 0x00, 0x48, 1, 2, 3}, {0xda, 0xa1, 0x19, 1, 2, 3}} {
		vendor, random := registry.Lookup(mac)
		fmt.Printf("%s %q random: %v\n", mac, vendor, random)
	}
	// Output:
	// 00:00:48:01:02:03 "Seiko Epson Corporation" random: false
	// da:a1:19:01:02:03 "" random: true
}
