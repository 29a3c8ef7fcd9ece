package oauth_test

import (
	"testing"

	"drawbridge/internal/oauth"
)

func TestXOAUTH2_InitialResponse(t *testing.T) {
	mechanism, initial, err := oauth.NewXOAUTH2Client("scans@contoso.com", "eyJ0").Start()
	if err != nil {
		t.Fatal(err)
	}
	if mechanism != "XOAUTH2" {
		t.Errorf("mechanism: got %q, want XOAUTH2", mechanism)
	}
	if got, want := string(initial), "user=scans@contoso.com\x01auth=Bearer eyJ0\x01\x01"; got != want {
		t.Errorf("initial response: got %q, want %q", got, want)
	}
}

func TestXOAUTH2_ChallengeIsAnsweredWithAnEmptyLine(t *testing.T) {
	got, err := oauth.NewXOAUTH2Client("a", "b").Next([]byte(`{"status":"401"}`))
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("got %q, %v, want an empty response", got, err)
	}
}
