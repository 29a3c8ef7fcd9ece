package main

import (
	"strings"
	"testing"

	"drawbridge/config"
)

func TestFilesWarnings(t *testing.T) {
	for _, tt := range []struct {
		files    uint64
		sessions []int // of the listeners
		want     string
	}{
		{files: 0, sessions: []int{0, 10_000}},
		{files: 2000, sessions: []int{410}},
		{files: 2000, sessions: []int{400, 10}},
		{files: 2000, sessions: []int{400, 11}, want: "listeners[].limits.sessions add up to 411, but the limit of 2000 open files bears 410 sessions"},
		{files: 2000, sessions: []int{10, 0}, want: "limits.sessions of listener b is off, but the limit of 2000 open files bears 410 sessions"},
		{files: 524_288, sessions: []int{10_000, 10_000, 10_000, 10_000, 10_000, 10_000}}, // systemd's own limit, and the built-in listeners
	} {
		cfg := &config.Config{}
		for i, n := range tt.sessions {
			cfg.Listeners = append(cfg.Listeners, config.Listener{Name: string(rune('a' + i)), Limits: config.Limits{Sessions: n}})
		}
		got := strings.Join(filesWarnings(cfg, tt.files), "\n")
		if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") || got != "" && !strings.HasSuffix(got, raiseFiles) {
			t.Errorf("%d files, %v sessions: %q, want %q", tt.files, tt.sessions, got, tt.want)
		}
	}
}
