package hello_test

import (
	"encoding/hex"
	"fmt"

	"drawbridge/internal/hello"
)

// A printer that offers TLS 1.0 and RSA key exchange in a hello of the SSLv2 format.
func ExampleParse() {
	peeked, _ := hex.DecodeString("801f0103010006000000100700c000002f000102030405060708090a0b0c0d0e0f")
	h, err := hello.Parse(peeked)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Format, h.MaxVersion, hello.SuiteName(h.Suites[0]), len(h.V2Kinds))
	fmt.Println(h.Readiness(), h.Blockers())
	// Output:
	// sslv2 1.0 TLS_RSA_WITH_AES_128_CBC_SHA 1
	// legacy [tls_version key_exchange]
}
