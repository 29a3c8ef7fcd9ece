package web_test

import (
	"net/http"
	"testing"

	"drawbridge/internal/web"
)

// BenchmarkDevices makes one page of 50 devices out of 50,000. The time is that of the page and of the memory's own
// search, which looks at every device.
func BenchmarkDevices(b *testing.B) {
	o := options(newMemory(50_000))
	o.VerifyPassword = nil
	h := web.New(o)
	for _, path := range []string{"/devices", "/devices?readiness=legacy&sort=last_seen&desc=1&page=40", "/devices?q=nothing+fits"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if w := request(h, http.MethodGet, path, ""); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
