package sqlstore_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withServer{m}) }

// withServer stops the PostgreSQL server that tests started before goroutines are counted.
type withServer struct{ m *testing.M }

func (w withServer) Run() int {
	defer server.Stop()
	return w.m.Run()
}
