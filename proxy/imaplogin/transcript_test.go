package imaplogin_test

import (
	"encoding/base64"
	"testing"

	"go.uber.org/goleak"

	"drawbridge/proxy/imaplogin"
	"drawbridge/proxy/internal/transcript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIMAP_Transcripts(t *testing.T) { transcript.Play(t, imaplogin.Dialect(), 5) }

type token = transcript.Token

func base64Of(t token) string { return base64.StdEncoding.EncodeToString([]byte(t)) }
