package pop3login_test

import (
	"testing"

	"github.com/emersion/go-sasl"
	"go.uber.org/goleak"

	"drawbridge/internal/secret"
	"drawbridge/proxy/login"
)

// The transcripts in testdata are played through a whole bridge, by TestTranscripts of proxy.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mechanisms(name, password string) []sasl.Client {
	return []sasl.Client{login.NewPasswordLogin(name, secret.New(password))}
}
