// Package reminder tells administrators ahead that a client secret ends, of which tokens say nothing.
package reminder

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"drawbridge/config"
)

// Warnings tell of client secrets that end soon, or have ended, by now. They name the upstream by its place, since anyone may read them.
func Warnings(upstreams []config.Upstream, now time.Time) []string {
	var list []string
	for i, u := range upstreams {
		if u.OAuth2 == nil {
			continue
		}
		if days, due := config.Reminder(u.OAuth2.ClientSecretExpires, now); due {
			list = append(list, sentence(fmt.Sprintf("the %s upstream's client secret", ordinal(i+1)), days))
		}
	}
	return list
}

func sentence(what string, days int) string {
	when := fmt.Sprintf("ends within %d days", days)
	switch days {
	case 0:
		when = "has ended"
	case 1:
		when = "ends within 1 day"
	}
	return what + " " + when + " (client_secret_expires): make a new one in the app registration " +
		"and write it and its date into the configuration"
}

func ordinal(n int) string {
	if n <= 3 {
		return []string{"first", "second", "third"}[n-1]
	}
	return fmt.Sprintf("%dth", n)
}

// Run logs, 60, 30, 7 and 1 days ahead and at the end, that a client secret ends, until ctx ends. What is due at start
// was told with the configuration's warnings.
func Run(ctx context.Context, upstreams []config.Upstream, log *zap.Logger) {
	told := make(map[string]int)
	look := func(say bool) {
		for _, u := range upstreams {
			if u.OAuth2 == nil {
				continue
			}
			days, due := config.Reminder(u.OAuth2.ClientSecretExpires, time.Now())
			before, known := told[u.Name]
			if !due || known && before == days {
				continue
			}
			told[u.Name] = days
			if say {
				log.Warn(sentence("the client secret", days), zap.String("upstream", u.Name), zap.Time("expires", u.OAuth2.ClientSecretExpires))
			}
		}
	}
	look(false)
	for tick := time.Tick(time.Hour); ; look(true) {
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
	}
}
