package web_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"drawbridge/internal/crowd"
	"drawbridge/internal/web"
)

// TestServer_WhoWaitsForAnAnswerGivesWay fills the bounds with requests that cost nothing and last for 10 s and longer, again and
// again: an administrator and a load balancer are answered all the same, from the same address and from another one.
func TestServer_WhoWaitsForAnAnswerGivesWay(t *testing.T) {
	guess := "GET /api/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + basic("admin", "wrong") + "\r\n\r\n"
	for name, says := range map[string]string{
		"wrong passwords wait for their second": guess,
		"a form does not come": "POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 99\r\n" +
			"Content-Type: application/x-www-form-urlencoded\r\n\r\n",
		"answers that nobody reads": strings.Repeat("GET /assets/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serveDashboard(t, crowd.Bounds{All: 12, Each: 4})
			for i := range 36 {
				c := h.dial(fmt.Sprintf("127.0.0.%d", 2+i%3))
				_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
				go func() { _, _ = io.WriteString(c, says) }() // ends with the connection, when the test does
			}
			time.Sleep(200 * time.Millisecond) // so that they are being answered; sooner the test asks for less
			for _, from := range []string{"127.0.0.2", "127.0.0.9"} {
				c := h.dial(from)
				h.ask(c, "/healthz")
				if !h.answers(c) {
					t.Errorf("one that comes from %s is not answered", from)
				}
			}
		})
	}
}

// serveDashboard serves a dashboard with a password.
func serveDashboard(t *testing.T, b crowd.Bounds) *held {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options(newMemory(3))
	o.Now = time.Now
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		web.Server{Socket: l, Bounds: b, Handler: web.New(o), Name: "test", Log: zap.NewNop()}.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &held{t: t, address: l.Addr().String()}
}
