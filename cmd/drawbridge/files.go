package main

import (
	"fmt"

	"drawbridge/config"
	"drawbridge/proxy/limits"
)

// filesWarnings tell of limits.sessions that add up to more than the process can serve with so many open files; 0: nobody
// limits them.
func filesWarnings(cfg *config.Config, files uint64) []string {
	if files == 0 {
		return nil
	}
	can, sum := limits.SessionsWithin(files), 0
	for _, l := range cfg.Listeners {
		if l.Limits.Sessions == 0 {
			return []string{fmt.Sprintf("limits.sessions of listener %s is off, but the limit of %d open files bears %s: what is more is "+
				"turned away; %s", l.Name, files, plural(can, "session"), raiseFiles)}
		}
		sum += l.Limits.Sessions
	}
	if sum <= can {
		return nil
	}
	return []string{fmt.Sprintf("listeners[].limits.sessions add up to %d, but the limit of %d open files bears %s, a quarter of them "+
		"without a verified login: what is more is turned away; lower the limits, or %s", sum, files, plural(can, "session"), raiseFiles)}
}

const raiseFiles = "raise that one (LimitNOFILE of the unit, ulimits of the container)"
