package config

import (
	"errors"

	"drawbridge/internal/httpsproxy"
)

// checkProxy judges the environment's proxy where a key makes requests by HTTPS.
func (o *object) checkProxy() {
	lookup := func(name string) (string, bool) { return o.d.env.variable(name), true }
	_, err := httpsproxy.Choose(lookup)
	var unreadable *httpsproxy.Error
	if errors.As(err, &unreadable) {
		o.fault(wrong(unreadable.Mend(), "%s", unreadable.Error()))
	}
	if name := httpsproxy.Overlooked(lookup); name != "" {
		o.d.warnIn(o.path, wrong("set HTTPS_PROXY too if requests have to go through a proxy",
			"environment variable %s is not used, and HTTPS_PROXY is not set", name))
	}
}
