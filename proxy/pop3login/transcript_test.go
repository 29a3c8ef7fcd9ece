package pop3login_test

import (
	"testing"

	"github.com/emersion/go-sasl"
	"go.uber.org/goleak"

	"drawbridge/internal/secret"
	"drawbridge/proxy/internal/transcript"
	"drawbridge/proxy/login"
	"drawbridge/proxy/pop3login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPOP3_Transcripts(t *testing.T) { transcript.Play(t, pop3login.Dialect(), 4) }

func mechanisms(name, password string) []sasl.Client {
	return []sasl.Client{login.NewPasswordLogin(name, secret.New(password))}
}
