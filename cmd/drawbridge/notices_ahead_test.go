package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/internal/sandbox"
)

// TestNotices_OfStagesAhead: the block that a rule has planned is told once; the brownouts of every day before it are not.
func TestNotices_OfStagesAhead(t *testing.T) {
	h := newHook(t)
	w := newWorld(t)
	mail := w.listen(sandbox.ListenOptions{Protocol: sandbox.IMAP})
	w.mailbox(sandbox.Account{Address: "scanner@contoso.example", Password: "geheimnis"})
	hour := time.Now().UTC().Add(12 * time.Hour).Format("15:04") // not now
	minute := time.Now().UTC().Add(12*time.Hour + time.Minute).Format("15:04")
	cfg := w.configure(bridgeConfig, fmt.Sprintf(`upstreams:
%snotices: {on: [stage_ahead], webhooks: [{url: %q}]}
timezone: UTC
rules:
  - stage: brownout
    schedule: ["%s-%s"]
    block_from: %s
`, w.upstream("online", mail.Address(), mail.Address()), h.URL, hour, minute, time.Now().AddDate(0, 0, 3).Format(time.DateOnly)))
	cfg.Notices.Every = 0
	w.start(cfg)
	if result, _ := w.visit(t, oldDevice(sandbox.IMAP, "scanner@contoso.example", "geheimnis")); result.Err != nil {
		t.Fatal(result.Err)
	}
	must(t, w.bridge.ledger.CatchUp(t.Context()))
	changes, err := w.bridge.stagesAhead(t.Context(), time.Now(), time.Now().AddDate(0, 0, 7))
	must(t, err)
	if len(changes) != 1 || changes[0].Stage != "block" || changes[0].Rule != "rules[0]" || changes[0].Upstream != "" {
		t.Errorf("ahead are %+v", changes)
	}
	w.bridge.notices.Look(t.Context())
	w.bridge.notices.Send(t.Context())
	if got := h.told(); !slices.Equal(got, []string{"stage_ahead 127.0.0.1/scanner@contoso.example "}) {
		t.Errorf("the webhook was told %q", got)
	}
}
