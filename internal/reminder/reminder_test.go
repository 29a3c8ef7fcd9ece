package reminder_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"drawbridge/config"
	"drawbridge/internal/reminder"
)

// TestRun_TellsAheadAndOnce: a bridge that runs for months tells 60, 30, 7 and 1 days ahead, and at the end, once each.
func TestRun_TellsAheadAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.WarnLevel)
		upstreams := []config.Upstream{{Name: "on-prem"},
			{Name: "online", OAuth2: &config.OAuth2{ClientSecretExpires: time.Now().AddDate(0, 0, 70)}}}
		ctx, stop := context.WithCancel(t.Context())
		go reminder.Run(ctx, upstreams, zap.New(core))
		time.Sleep(80 * 24 * time.Hour)
		stop()
		synctest.Wait()
		var told []string
		for _, e := range logged.All() {
			told = append(told, e.Message[:strings.Index(e.Message, " (")])
		}
		want := "the client secret ends within 60 days, the client secret ends within 30 days, the client secret ends within 7 days, " +
			"the client secret ends within 1 day, the client secret has ended"
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("told %s\nwant %s", got, want)
		}
	})
}

func TestWarnings(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	at := func(days int) config.Upstream {
		return config.Upstream{OAuth2: &config.OAuth2{ClientSecretExpires: now.AddDate(0, 0, days)}}
	}
	list := reminder.Warnings([]config.Upstream{{}, at(90), at(5), at(-1)}, now)
	if len(list) != 2 || !strings.HasPrefix(list[0], "the third upstream's client secret ends within 7 days") || !strings.HasPrefix(list[1],
		"the 4th upstream's client secret has ended") {
		t.Errorf("got %q", list)
	}
}
