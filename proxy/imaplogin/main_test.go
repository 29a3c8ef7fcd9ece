package imaplogin_test

import (
	"encoding/base64"
	"testing"

	"go.uber.org/goleak"

	"drawbridge/proxy/internal/logintest"
)

// The transcripts in testdata are played through a whole bridge, by TestTranscripts of proxy.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type token = logintest.Token

func base64Of(t token) string { return base64.StdEncoding.EncodeToString([]byte(t)) }
