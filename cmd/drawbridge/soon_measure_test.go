//go:build measure

package main

import (
	"testing"
	"time"
)

func TestMeasure_DemoOnce(t *testing.T) {
	wantSoon(t, "the demo", demoOnce(t), 20*time.Second)
}

func TestMeasure_IdleEnds(t *testing.T) {
	wantSoon(t, "the session's end after the last word", speakAndFallSilent(t), 10*time.Second)
}

func TestMeasure_RefusedLogins(t *testing.T) {
	wantSoon(t, "a refusal that is held back for a second", readAlike(t), 4*time.Second)
}

func TestMeasure_RightLoginsAfterWrongOnes(t *testing.T) {
	const devices = 25
	wantSoon(t, "the right logins", guessInVain(t, devices), devices*200*time.Millisecond)
}

func TestMeasure_ResolverIsDown(t *testing.T) {
	first, then := takeNamesAway(t)
	wantSoon(t, "an answer while there is no token", first, time.Second)
	wantSoon(t, "an answer while there is a token", then, 3*time.Second)
}

// wantSoon bounds how long something took.
func wantSoon(t *testing.T, what string, took, most time.Duration) {
	t.Helper()
	if took > most {
		t.Errorf("%s took %v, want %v at most", what, took, most)
	}
}
